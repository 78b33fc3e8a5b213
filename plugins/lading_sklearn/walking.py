"""A pickle, followed as the unpickler would and never obeyed: what it imports is only written down."""

from __future__ import annotations

import pickletools
import re
from math import prod
from typing import Any

from .bytestream import Broken, Stream
from .machine import Findings, Machine, Object
from .opcodes import HANDLERS

_MOST_STEPS = 3_000_000  # opcodes; some seconds
_MOST_NESTED = 4  # pickles within pickles
_LONGEST_VALUE = 16 << 20  # bytes; longer ones are passed over
_ARRAY = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_DTYPE = re.compile(r"([biufcmMSUVO])(\d{1,9})")
_START = re.compile(rb"\x80[\0-\x05]")
_OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
_WIDTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


def walk(stream: Stream, findings: Findings, depth: int = 0) -> None:
    """Follow a pickle to its end, with the pickles in it and the arrays that joblib writes between its opcodes.

    Raises Broken where it cannot be followed to its end; what was found until then is in `findings`.
    """
    if depth > _MOST_NESTED:
        raise Broken
    try:
        _Walk(stream, findings, depth).run()
    except (IndexError, KeyError, TypeError, ValueError) as error:  # an empty stack, an unknown opcode, no number, ...
        raise Broken from error


class _Walk(Machine):
    """One pickle, followed opcode by opcode."""

    def __init__(self, stream: Stream, findings: Findings, depth: int) -> None:
        super().__init__(findings)
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
