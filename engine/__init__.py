"""Tern's engine: Hugging Face models in bf16, int8 or int4 on a CPU, behind a line protocol.

The engine never imports Qt. Its light half (messages, errors, hardware, paths, models, client,
cli) never imports torch; its heavy half is imported by the engine process alone.
"""
