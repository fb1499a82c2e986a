"""Units of Markdown -> text documents on the screen, which can be selected and copied."""
