"""The panel at the right of the chat: persona, system prompt, how answers are drawn, the engine."""
