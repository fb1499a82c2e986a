"""The conversation on the screen: messages as widgets, made where they come into sight."""
