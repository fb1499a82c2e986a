"""The `tern` command line: one file a command, all of them light.

No command imports torch: each drives the engine process as the window does, so that the model
runs with the same environment and its memory is counted apart from this program's.
"""
