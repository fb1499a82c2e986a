"""Intel Extension for PyTorch: this package alone imports it.

    checkpoint -> recipes.py (ipex.llm.optimize) -> graph.py (one traced step) -> model.py
                                                        saved.py (quantised graphs on disk)

Import it in the engine process only, and after the environment of
`engine.hardware.child_environment` is set: the import takes seconds.
"""
