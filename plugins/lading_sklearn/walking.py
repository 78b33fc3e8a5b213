"""A pickle, followed as the unpickler would and never obeyed: what it imports is only written down."""

from __future__ import annotations

import pickletools
import re
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from math import prod
from typing import Any, NamedTuple

from .bytestream import Broken, Stream
from .opcodes import HANDLERS

_MOST_STEPS = 3_000_000  # opcodes; some seconds
_MOST_IMPORTS = 1000
_MOST_NESTED = 4  # pickles within pickles
_LONGEST_VALUE = 16 << 20  # bytes; longer ones are passed over
_ARRAY = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_MAKERS = (("copyreg", "_reconstructor"), ("copyreg", "__newobj__"), ("copyreg", "__newobj_ex__"))
_DTYPE = re.compile(r"([biufcmMSUVO])(\d{1,9})")
_START = re.compile(rb"\x80[\0-\x05]")
_OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
_WIDTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


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


def walk(stream: Stream, findings: Findings, depth: int = 0) -> None:
    """Follow a pickle to its end, with the pickles in it and the arrays that joblib writes between its opcodes.

    Raises Broken where it cannot be followed to its end; what was found until then is in `findings`.
    """
    if depth > _MOST_NESTED:
        raise Broken
    try:
        Walk(stream, findings, depth).run()
    except (IndexError, KeyError, TypeError, ValueError) as error:  # an empty stack, an unknown opcode, no number, ...
        raise Broken from error


class Walk:
    """One pickle. Of the values on its stack, texts, numbers, tuples, small dictionaries and globals are known."""

    def __init__(self, stream: Stream, findings: Findings, depth: int) -> None:
        self.findings = findings
        self.protocol = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self._stream = stream
        self._depth = depth

    def run(self) -> None:
        while (opcode := _OPCODES[self._stream.read(1)[0]]).name != "STOP":
            self.findings.steps += 1
            if self.findings.steps > _MOST_STEPS:
                raise Broken
            argument = self._argument(opcode.arg) if opcode.arg else b""
            handler = HANDLERS.get(opcode.name)
            if handler is not None:
                handler(self, argument)
            else:
                self._take_and_give(opcode)

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

    def build(self, state: Any) -> None:
        """Give the last object its state; where that describes an array, joblib has written its bytes next."""
        made = self.stack[-1]
        if isinstance(made, Object):
            made.state = state
            if made.made_of == _ARRAY:
                self._pass_array(state)

    def nested(self, value: bytes) -> None:
        """Follow a pickle that lies in another one as bytes, as far as it is one."""
        if _START.match(value):
            try:
                walk(Stream(iter([value])), self.findings, self._depth + 1)
            except Broken:
                return

    def _pass_array(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise Broken
        kind, size = _item(state["dtype"])
        if kind == "O":  # an array of objects is a pickle of its own
            walk(self._stream, self.findings, self._depth + 1)
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self._stream.skip(self._stream.read(1)[0])
        self._stream.skip(_count(state["shape"]) * size)

    def _argument(self, kind: pickletools.ArgumentDescriptor) -> bytes:
        """The bytes of an opcode's argument; none where it is too long to be looked at."""
        size = kind.n
        if size == pickletools.UP_TO_NEWLINE:
            lines = 2 if kind.name.endswith("pair") else 1
            return b"\n".join(self._stream.line() for _line in range(lines))
        if size < 0:
            size = int.from_bytes(self._stream.read(_WIDTHS[size]), "little")
        if size > _LONGEST_VALUE:
            self._stream.skip(size)
            return b""
        return self._stream.read(size)

    def _take_and_give(self, opcode: pickletools.OpcodeInfo) -> None:
        """Take and give as many values as the opcode does, without knowing them."""
        before = [item.name for item in opcode.stack_before]
        if "mark" in before:
            self.pop_mark()
            before = before[: before.index("mark")]
        for _value in before:
            self.stack.pop()
        self.stack += [None] * len(opcode.stack_after)


def _item(dtype: Object) -> tuple[str, int]:
    """Kind and size (bytes) of an array's items; a record that holds objects is of the kind of objects, `O`."""
    match = _DTYPE.fullmatch(dtype.arguments[0]) if isinstance(dtype, Object) else None
    if match is None:
        raise Broken
    kind = match[1]
    holds_objects = kind == "V" and dtype.state is not None and dtype.state[7] & 1
    return "O" if holds_objects else kind, int(match[2]) * (4 if kind == "U" else 1)


def _count(shape: tuple[int, ...]) -> int:
    if not all(isinstance(length, int) and length >= 0 for length in shape):
        raise Broken
    return prod(shape)
