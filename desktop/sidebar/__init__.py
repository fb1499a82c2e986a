"""The list of chats at the left of the Chat page."""
