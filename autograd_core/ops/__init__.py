"""The ops, one file a family; importing this package fills the table."""

import gc

# What is declared here stays: the garbage collector would look through it again and again in vain.
_collecting = gc.isenabled()
gc.disable()
try:
    from . import (
        activations,
        complex,
        elementwise,
        fft,
        in_place,
        indexing,
        joining,
        linalg,
        padding,
        polynomials,
        products,
        reduction,
        selection,
        shape,
        sorting,
        special,
        statistics,
        windows,
    )
finally:
    if _collecting:
        gc.enable()

__all__ = [
    "activations",
    "complex",
    "elementwise",
    "fft",
    "in_place",
    "indexing",
    "joining",
    "linalg",
    "padding",
    "polynomials",
    "products",
    "reduction",
    "selection",
    "shape",
    "sorting",
    "special",
    "statistics",
    "windows",
]
