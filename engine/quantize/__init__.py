"""Weights to fewer bits: pure tensor maths, no files and no kernels."""
