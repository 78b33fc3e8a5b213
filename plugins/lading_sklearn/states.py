"""The states that a pickle gives to its objects: the forms in which they are harmless, and the arrays of joblib."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

from .bytestream import Broken
from .values import DTYPE, NDARRAY, UNREADABLE, Global, Object, has_ordinary_keys

_KEYS = frozenset(("subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"))
_TEXT = re.compile(r"([biufcmMSUVO])(\d{1,9})")
_BASE, _FIELDS, _SIZE, _FLAGS = 2, 4, 5, 7  # their places in the state of a dtype, of eight or nine values
_POINTERS = 1 | 2  # the items are pointers to objects, and a pickle has them as a list
_OF_OBJECTS = _POINTERS | 8 | 16  # NumPy sets all four for objects, and the last two for texts too
_SIZED = ("S", "U", "V")


class Array(NamedTuple):
    """An array that joblib writes between the opcodes: its bytes, or a separate pickle if it holds objects."""

    holds_objects: bool
    is_aligned: bool
    size: int


def array_of(state: Any) -> Array:
    """The array that a state describes. Raises Broken if joblib could read it in another way."""
    if not isinstance(state, dict) or UNREADABLE in state or not {"dtype", "shape"} <= state.keys() <= _KEYS:
        raise Broken
    alignment = state.get("numpy_array_alignment_bytes")
    if not (alignment is None or isinstance(alignment, int)):
        raise Broken
    kind, size = item(state["dtype"])
    return Array(kind == "O", alignment is not None, _count(state["shape"]) * size)


def item(dtype: Any) -> tuple[str, int]:
    """The kind and size (bytes) of an array's items. A record with objects has the kind `O`, as objects do."""
    if not isinstance(dtype, Object) or dtype.made_of != DTYPE:
        raise Broken
    match = _TEXT.fullmatch(dtype.arguments[0])
    if match is None:
        raise Broken
    kind, size = match[1], int(match[2]) * (4 if match[1] == "U" else 1)
    return _kind(kind, size, dtype.state) if dtype.state is not None else kind, size


def _kind(kind: str, size: int, state: Any) -> str:
    """The kind of items after a dtype got its state. NumPy believes the state, so it must agree with the text."""
    if not isinstance(state, tuple) or len(state) not in (8, 9) or not isinstance(state[_FLAGS], int):
        raise Broken
    flags = state[_FLAGS] & _OF_OBJECTS
    holds_objects = flags == _OF_OBJECTS
    if flags & _POINTERS and not holds_objects:
        raise Broken
    if kind in _SIZED and state[_SIZE] != size:
        raise Broken
    if kind != "V" and not state[_BASE] is state[_FIELDS] is None:
        raise Broken
    parts = list(_parts(state, size)) if kind == "V" else [kind]
    if holds_objects != ("O" in parts):
        raise Broken
    return "O" if holds_objects else kind


def _parts(state: tuple[Any, ...], size: int) -> Iterator[str]:
    """The kinds of the parts of a record or of a small array. All of them lie in the `size` bytes of an item."""
    if state[_BASE] is not None:
        base, shape = state[_BASE]
        yield _part(base, 0, _count(shape if isinstance(shape, tuple) else (shape,)), size)
    fields = {} if state[_FIELDS] is None else state[_FIELDS]
    if not isinstance(fields, dict) or UNREADABLE in fields:
        raise Broken
    for field in fields.values():
        yield _part(field[0], field[1], 1, size)


def _part(dtype: Any, start: int, count: int, size: int) -> str:
    """The kind of a part. Its dtype must have its state: a later one would change it."""
    kind, each = item(dtype)
    if dtype.state is None or start < 0 or start + count * each > size:
        raise Broken
    return kind


def _count(shape: Any) -> int:
    if not isinstance(shape, tuple) or not all(isinstance(length, int) and length >= 0 for length in shape):
        raise Broken
    return prod(shape)


def is_fresh(made: Object) -> bool:
    """Whether an object that gets a state is the one that was made, and not an argument that a function returns."""
    if made.made_of == DTYPE:
        return isinstance(made.arguments, tuple) and isinstance(made.arguments[0], str)
    return isinstance(made.made_of, Global) and made.made_of.module != "builtins" and made.made_of.name != "scalar"


def is_plain(state: Any) -> bool:
    """Whether a state sets only ordinary attributes. `__class__` would make it an object of another class.

    A tuple can hold the attributes of an object. Another object in their place could hide their names.
    """
    parts = state if isinstance(state, tuple) else (state,)
    last = parts if len(parts) < 3 else parts[2:] if len(parts) == 3 else ()
    return not any(isinstance(part, Object) and (part.active or not _has_no_items(part)) for part in last) and all(
        has_ordinary_keys(part) for part in parts if isinstance(part, dict)
    )


def _has_no_items(part: Object) -> bool:
    """Whether an object is certainly not a dictionary, but an array, a dtype, or the seed of a bit generator."""
    made_of = part.made_of
    return isinstance(made_of, Global) and (
        made_of in (DTYPE, NDARRAY)
        or made_of.name == "_frombuffer"
        or made_of.module.startswith("numpy.random.")
        or (made_of.module.startswith("pandas") and made_of.name.endswith("Dtype"))
    )
