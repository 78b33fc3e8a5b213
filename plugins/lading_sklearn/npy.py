"""Follow the pickle in an array file of NumPy (`.npy`). Only an array of objects has one."""

from __future__ import annotations

import ast
from typing import Any

from .bytestream import Broken, Rejected, Stream
from .machine import Findings
from .walking import walk

MAGIC = b"\x93NUMPY"
"""What every array file begins with."""

_LONGEST = 1 << 16  # bytes of the header


def walk_array(stream: Stream, findings: Findings) -> Any:
    """Follow the pickle after the header. Raises Rejected if the file has none."""
    version = stream.read(len(MAGIC) + 2)[-2]
    size = int.from_bytes(stream.read(2 if version == 1 else 4), "little")
    if size > _LONGEST:
        raise Broken
    try:
        has_objects = _has_objects(ast.literal_eval(stream.read(size).decode("latin-1"))["descr"])
    except (ValueError, TypeError, LookupError, SyntaxError, RecursionError, MemoryError) as error:
        raise Broken from error
    if not has_objects:
        raise Rejected
    return walk(stream, findings, arrays=False)


def _has_objects(kind: Any) -> bool:
    """Whether the items are objects, or records with an object in a field. A record is a list of names and kinds."""
    return "O" in kind if isinstance(kind, str) else any(_has_objects(part) for field in kind for part in field[1:2])
