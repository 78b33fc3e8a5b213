"""The machine of a pickle: its stack, its memo and what it imports, as far as values are known."""

from __future__ import annotations

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from .bytestream import Broken

_MOST_IMPORTS = 1000
_MAKERS = (("copyreg", "_reconstructor"), ("copyreg", "__newobj__"), ("copyreg", "__newobj_ex__"))


class Global(NamedTuple):
    """What a pickle imports. One whose names it puts together while it runs is `?`."""

    module: str
    name: str


UNKNOWN = Global("?", "?")


class Object:
    """What a pickle makes of a global and arguments, and the state that it is given afterwards."""

    def __init__(self, made_of: Any, arguments: Any) -> None:
        self.made_of = made_of
        self.arguments = arguments
        self.state: Any = None


class Findings:
    """What was found in the pickles of a file: globals and classes in the order of their appearance."""

    def __init__(self) -> None:
        self.imports: dict[Global, None] = {}
        self.classes: dict[Global, None] = {}
        self.protocol: int | None = None  # of the first pickle
        self.steps = 0


class Machine(ABC):
    """The values that opcodes act on.

    Texts, numbers, tuples, small dictionaries and globals on the stack are known.
    """

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.protocol = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def declare(self, protocol: int) -> None:
        """Take note of the protocol that the pickle says it has."""
        self.protocol = protocol
        if self.findings.protocol is None:
            self.findings.protocol = protocol

    def pop(self) -> Any:
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        """All values since the last mark."""
        place = self.marks.pop()
        items = self.stack[place:]
        del self.stack[place:]
        return items

    def found(self, module: object, name: object) -> Global:
        known = isinstance(module, str) and isinstance(name, str)
        made = Global(str(module), str(name)) if known else UNKNOWN
        if self.protocol < 3:  # whose names are those of Python 2
            made = Global(*NAME_MAPPING.get(made, (IMPORT_MAPPING.get(made.module, made.module), made.name)))
        self.findings.imports[made] = None
        if len(self.findings.imports) > _MOST_IMPORTS:
            raise Broken
        return made

    def make(self, made_of: Any, arguments: Any) -> None:
        """An object of a class."""
        if isinstance(made_of, Global):
            self.findings.classes[made_of] = None
        self.stack.append(Object(made_of, arguments))

    def call(self, function: Any, arguments: Any) -> None:
        if function in _MAKERS:  # how the older protocols make an object of a class
            self.make(arguments[0], arguments[1:])
        else:
            self.stack.append(Object(function, arguments))

    @abstractmethod
    def build(self, state: Any) -> None:
        """Give the last object its state."""

    @abstractmethod
    def nested(self, value: bytes) -> None:
        """Follow a pickle that lies in another one as bytes, as far as it is one."""
