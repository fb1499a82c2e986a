"""The Chat page: list of chats, header, conversation, and what is quietly said around it."""
