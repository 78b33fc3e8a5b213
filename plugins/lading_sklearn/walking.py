"""Follow a pickle like the unpickler, without executing it. Its imports are only recorded."""

from __future__ import annotations

import pickletools
import re
from typing import Any

from .bytestream import Broken, Rejected, Stream
from .known import holds_only_data, is_distribution
from .machine import PARTIAL, WRAPPER, Findings, Machine
from .opcodes import HANDLERS
from .states import array_of, is_fresh, is_plain, item
from .values import DTYPE, NDARRAY, UNREADABLE, UNSEEN, Global, Items, Object, Recalled

_MOST_NESTED = 4  # levels of pickles within pickles
_LONGEST_VALUE = 16 << 20  # bytes; longer values are skipped
_START = re.compile(rb"\x80[\0-\x05]")
_ITEMS = 4  # their place in the state of an array
_NO_TEXTS = (Object, Items, Global, tuple, dict, int)
_PLAIN = r"[\w, =]*"
_CODE = re.compile(
    rf"\ndef _parse_args\(self, {_PLAIN}\):\n    return \({_PLAIN}\), {_PLAIN}\n"
    rf"\ndef _parse_args_rvs\(self, {_PLAIN}, size=None\):\n    return self\._argcheck_rvs\({_PLAIN}, size=size\)\n"
    rf"\ndef _parse_args_stats\(self, {_PLAIN}, moments='mv'\):\n    return \({_PLAIN}\), {_PLAIN}, moments\n"
)
_OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
_WIDTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


def walk(stream: Stream, findings: Findings, depth: int = 0, *, arrays: bool = True) -> Any:
    """Follow a pickle to its end, with the pickles in it and the arrays that joblib writes between its opcodes.

    Returns its value, as far as it is known. Without `arrays`, the bytes of an array are read as opcodes, as the
    unpickler of Python does. Raises Broken if it cannot be followed to its end, and Rejected if an unpickler
    could not follow it either. `findings` then has everything found so far.
    """
    if depth > _MOST_NESTED:
        raise Broken
    try:
        return _Walk(stream, findings, depth, arrays=arrays).run()
    except (IndexError, KeyError) as error:  # an empty stack, an unknown opcode, an empty place of the memo
        raise Rejected from error
    except (TypeError, ValueError) as error:  # no number, no array, ...
        raise Broken from error


class _Walk(Machine):
    """One pickle, followed opcode by opcode."""

    def __init__(self, stream: Stream, findings: Findings, depth: int, *, arrays: bool) -> None:
        super().__init__(findings)
        self._arrays = arrays
        self._stream = stream
        self._depth = depth
        self._frame_end = 0
        self._is_foreign = False  # whether this is the pickle of an array, read without joblib and with another memo

    def run(self) -> Any:
        while (opcode := _OPCODES[self._stream.read(1)[0]]).name != "STOP":
            self.findings.step()
            argument = self._argument(opcode.arg) if opcode.arg else b""
            handler = HANDLERS.get(opcode.name)
            if handler is not None:
                handler(self, argument)
            else:
                self._take_and_give(opcode)
        self._leave_frame()
        return self.stack[-1] if self.stack else UNSEEN

    def framed(self, size: int) -> None:
        self._frame_end = max(self._frame_end, self._stream.position + size)

    def recall(self, place: int) -> Any:
        value = super().recall(place)
        return Recalled(value) if self._is_foreign and isinstance(value, str) else value

    def found(self, module: object, name: object) -> Global:
        """Record a global. With another memo, the module of an honest file is not one, and an unpickler stops there.

        A name that is no text of the memo is also read with joblib, so it is listed, if not for this module.
        """
        is_recalled = isinstance(module, Recalled) and not isinstance(name, Recalled)
        if self._is_foreign and (isinstance(module, _NO_TEXTS) or isinstance(name, _NO_TEXTS) or is_recalled):
            raise Rejected
        return super().found(module, name)

    def is_class_only(self, found: Global) -> bool:
        return is_distribution(found)

    def holds_only_data(self, found: Global) -> bool:
        return holds_only_data(found)

    def build(self, state: Any) -> None:
        """Give the last object its state. If the state describes an array, joblib's bytes of the array follow."""
        made = self.stack[-1]
        if not isinstance(made, Object) or not is_fresh(made) or not is_plain(state):
            self.suspect()
        if isinstance(made, Object):
            self._check(made, state)
            made.state = state
            if made.made_of == WRAPPER and not self._arrays:
                self._is_foreign = self._is_foreign or _holds_objects(state)
            elif made.made_of == WRAPPER:
                self.findings.arrays += 1
                self._pass_array(state)

    def _check(self, made: Object, state: Any) -> None:
        """Check the states that are harmless only in one form."""
        if is_distribution(made.made_of) and not _has_plain_code(state):
            self.findings.called.add(made.made_of)
        if active := self.active(state):
            self._activate(made, state, active)
        if made.state is not None:  # a pickle gives each object one state
            self.suspect()
        if made.made_of == PARTIAL and not _repeats(made.arguments, state):
            self.suspect()
        if made.made_of in (WRAPPER, DTYPE) and made.state is not None:  # the first state has an effect on the second
            raise Broken
        if made.made_of == DTYPE:
            item(Object(made.made_of, made.arguments, state))

    def _activate(self, made: Object, state: Any, active: Global) -> None:
        """Check an active state. Some classes call methods of it, and properties do so if it sets them."""
        self.filled(made, active)
        if isinstance(made.made_of, Global) and holds_only_data(made.made_of):
            self.demand_data(*_besides_items(state) if _is_array(made.made_of) else (state,))
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            self.blame(made.made_of)

    def _leave_frame(self) -> None:
        """Check that a frame is at its end. Otherwise an unpickler goes on after the frame, and not here."""
        if self._stream.position < self._frame_end:
            raise Broken

    def nested(self, value: bytes) -> None:
        """Follow a pickle that is nested in another one as bytes, as far as it is valid."""
        if _START.match(value):
            try:
                walk(Stream(iter([value])), self.findings, self._depth + 1)
            except Broken:
                return

    def _pass_array(self, state: Any) -> None:
        array = array_of(state)
        self._leave_frame()
        if array.holds_objects:  # joblib puts the value of another pickle in the place of the description
            value = walk(self._stream, self.findings, self._depth + 1)
            self.stack[-1] = Object(None, (), active=self.active((value,)))
            return
        self.stack[-1] = Object(NDARRAY, ())
        if array.is_aligned:
            self._stream.skip(self._stream.read(1)[0])
        self._stream.skip(array.size)

    def _argument(self, kind: pickletools.ArgumentDescriptor) -> bytes:
        """The bytes of an opcode's argument; empty if it is too long to examine."""
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
        """Take and give the opcode's number of values, without knowing them."""
        before = [item.name for item in opcode.stack_before]
        if "mark" in before:
            self.pop_mark()
            before = before[: before.index("mark")]
        for _value in before:
            self.stack.pop()
        self.stack += [UNSEEN] * len(opcode.stack_after)


def _has_plain_code(state: Any) -> bool:
    """Whether the code that SciPy runs, when a distribution gets its state, is the code that SciPy writes."""
    code = state.get("_parse_arg_template") if isinstance(state, dict) and UNREADABLE not in state else None
    return isinstance(code, str) and _CODE.fullmatch(code) is not None


def _holds_objects(state: Any) -> bool:
    return isinstance(state, dict) and isinstance(state.get("dtype"), Object) and item(state["dtype"])[0] == "O"


def _is_array(made_of: Global) -> bool:
    """Whether objects of a class are arrays, which can have any objects."""
    return made_of == NDARRAY or made_of.module in ("numpy.ma", "numpy.ma.core")


def _besides_items(state: Any) -> tuple[Any, ...]:
    """The state of an array without its items. A masked array converts its fill value to a number, with its methods."""
    return state[:_ITEMS] + state[_ITEMS + 1 :] if isinstance(state, tuple) else (state,)


def _repeats(arguments: Any, state: Any) -> bool:
    """Whether the state of a partial function keeps its function, which is known."""
    return isinstance(state, tuple) and len(state) == 4 and isinstance(arguments, tuple) and state[:1] == arguments
