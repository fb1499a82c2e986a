"""Tern's own kernels: a compiled core of C++ (`_core`), and the decoder that it computes.

    linear.h, pack.cpp   weights packed once, for every instruction set
    scalar.cpp, avx2.cpp, …   one unit an instruction set, chosen at run time (dispatch.cpp)
    attention.*, elementwise.*, decoder.*   the decoder around them
    bindings*.cpp -> _core -> packed.py, decoder.py; packing.py, which alone needs torch

The package can be imported without `_core`, which is not there where no compiler was at hand.
"""
