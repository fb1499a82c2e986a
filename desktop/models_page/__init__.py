"""The Models page: what is on this computer, what can be fetched, and what is being fetched."""
