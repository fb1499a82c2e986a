"""The chats as the window has them: the history on its thread, the chat that is shown, the list."""
