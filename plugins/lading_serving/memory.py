"""Freed memory that the allocator has not returned to the system."""

from __future__ import annotations

from contextlib import suppress


def return_memory() -> None:
    """Return freed memory to the system if the C library supports it. glibc keeps memory below a block in use."""
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
