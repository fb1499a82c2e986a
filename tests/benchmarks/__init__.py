"""Tern against another engine on the machine at hand. Run by hand; pytest collects nothing here."""
