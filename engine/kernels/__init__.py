"""Whose kernels run a model, and the kernels themselves."""
