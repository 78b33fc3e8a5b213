"""The values that a pickle puts on the stack, as far as they are known."""

from __future__ import annotations

from typing import Any, NamedTuple

_DESCRIBING = ("__doc__", "__name__")  # honest objects have these
UNREADABLE = None
"""The key of a dictionary of which not everything is known. Its value tells whether all keys are ordinary."""
HIDDEN: object = object()
"""The key of the active class in such a dictionary."""


class Global(NamedTuple):
    """An import of a pickle. Its name is `?` if the pickle composes the name while it runs."""

    module: str
    name: str


UNKNOWN = Global("?", "?")
DTYPE, NDARRAY = Global("numpy", "dtype"), Global("numpy", "ndarray")
UNSEEN: object = object()
"""A value of which nothing is known, except that it is a text, a number or bytes."""


class Recalled(str):
    """A text from the memo of a pickle that was read with the memo of another one."""


class Hidden(NamedTuple):
    """An active class in a dictionary of which not everything is known."""

    active: Global


class Object:
    """An object that a pickle creates from a global and arguments, and the state that it receives afterwards.

    `active` is a class in it whose objects can hold a function of the file's choice, which other code then calls as
    their method; None if there is none. `is_judged` tells that something
    relies on what was in it then.
    """

    def __init__(self, made_of: Any, arguments: Any, state: Any = None, *, active: Global | None = None) -> None:
        self.made_of = made_of
        self.arguments = arguments
        self.state = state
        self.active = active
        self.is_judged = False


class Dictionary(dict[Any, Any]):
    """A dictionary. Its values are known, unless it has the key UNREADABLE."""

    is_judged = False


class Items:
    """A list or a set, as `kind` says. Only its first and its last value are known, and an active class in it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.first = self.last = UNSEEN
        self.active: Global | None = None
        self.is_judged = False

    def add(self, values: list[Any]) -> None:
        if values:
            self.first, self.last = (values[0] if self.first is UNSEEN else self.first), values[-1]


def has_ordinary_keys(known: dict[Any, Any]) -> bool:
    """Whether no key of a dictionary is special, such as `__class__`, or is unknown."""
    return bool(known.get(UNREADABLE, True)) and all(map(is_ordinary, known.keys() - {UNREADABLE, HIDDEN}))


def is_ordinary(key: Any) -> bool:
    """Whether a key is known, and is not special."""
    is_special = isinstance(key, str) and key.startswith("__") and key.endswith("__") and key not in _DESCRIBING
    return isinstance(key, str | int | tuple) and not is_special
