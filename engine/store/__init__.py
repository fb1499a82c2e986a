"""The model store: find, download, verify and keep models. Light half: no torch."""
