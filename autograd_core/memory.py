"""Large temporaries: their memory is used again, instead of returned to the system each time.

The C library serves a large array from pages of its own, or trims the heap when it is freed, and
the system has to find, clear and map every page of the next one: for a chain of elementwise ops on
10^5 or 10^6 numbers, four fifths of the time. glibc learns the size from which it does so from the
arrays that a program frees, up to 32 MB, and keeps twice that on the heap from then on. One array
that nobody writes to, and which so takes no memory, teaches it before the first step. Who has set
``MALLOC_TRIM_THRESHOLD_`` or ``MALLOC_MMAP_THRESHOLD_`` keeps what they say; other C libraries
have their own ways, and to them this is one allocation.
"""

from __future__ import annotations

import contextlib

import numpy as np

__all__ = ["LARGEST", "keep_freed"]

#: The most that glibc takes for an example, its own header and a page's rounding included.
LARGEST = (1 << 25) - (1 << 13)


def keep_freed() -> None:
    """Free one large array, so that memory of smaller ones stays with the process.

    At most 64 MB do, at the end of the heap; the peak is what it was.
    """
    with contextlib.suppress(MemoryError):  # where so much address space is not to be had
        np.empty(LARGEST, np.uint8)


keep_freed()
