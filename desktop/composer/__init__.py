"""Where a message is written, and how much of the context it will take."""
