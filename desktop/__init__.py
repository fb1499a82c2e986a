"""The window: PySide6 over an engine process. Imports only the engine's light half, never torch."""
