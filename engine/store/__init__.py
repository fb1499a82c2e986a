"""The model store: find, download, verify, keep and delete models. Light half: no torch."""
