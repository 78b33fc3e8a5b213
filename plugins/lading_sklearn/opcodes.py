"""What each opcode does to the values that are known; all others only take and give as many as they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .machine import Machine

Handler = Callable[[Machine, bytes], None]

_LONGEST_TEXT = 256  # bytes; no longer text names a global
_MOST_ITEMS = 64  # of a dictionary; an array's description has fewer


def _text(machine: Machine, argument: bytes) -> None:
    machine.stack.append(argument.decode("utf-8", "replace") if len(argument) <= _LONGEST_TEXT else None)


def _bytes(machine: Machine, argument: bytes) -> None:
    machine.nested(argument)
    machine.stack.append(None)


def _old_text(machine: Machine, argument: bytes) -> None:
    machine.nested(argument)
    _text(machine, argument)


def _number(machine: Machine, argument: bytes) -> None:
    machine.stack.append(int.from_bytes(argument, "little"))


def _signed(machine: Machine, argument: bytes) -> None:
    machine.stack.append(int.from_bytes(argument[:_LONGEST_TEXT], "little", signed=True))


def _mark(machine: Machine, _argument: bytes) -> None:
    machine.marks.append(len(machine.stack))


def _pop(machine: Machine, _argument: bytes) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


def _place(argument: bytes) -> int:
    return int.from_bytes(argument, "little")


def _put(machine: Machine, place: int) -> None:
    machine.memo[place] = machine.stack[-1]


def _get(machine: Machine, place: int) -> None:
    machine.stack.append(machine.memo[place])


def _tuple(size: int) -> Handler:
    def handle(machine: Machine, _argument: bytes) -> None:
        items = [machine.pop() for _place in range(size)]
        machine.stack.append(tuple(reversed(items)))

    return handle


def _set_item(machine: Machine, _argument: bytes) -> None:
    value, key = machine.pop(), machine.pop()
    _fill(machine.stack[-1], [key, value])


def _set_items(machine: Machine, _argument: bytes) -> None:
    items = machine.pop_mark()
    _fill(machine.stack[-1], items)


def _dictionary(machine: Machine, _argument: bytes) -> None:
    items = machine.pop_mark()
    machine.stack.append({})
    _fill(machine.stack[-1], items)


def _fill(known: Any, items: list[Any]) -> None:
    if isinstance(known, dict) and len(known) + len(items) <= _MOST_ITEMS:
        known.update({key: value for key, value in zip(items[::2], items[1::2], strict=False) if isinstance(key, str)})


def _global(machine: Machine, argument: bytes) -> None:
    module, _, name = argument.decode("utf-8", "replace").partition("\n")
    machine.stack.append(machine.found(module, name))


def _stack_global(machine: Machine, _argument: bytes) -> None:
    name, module = machine.pop(), machine.pop()
    machine.stack.append(machine.found(module, name))


def _extension(machine: Machine, _argument: bytes) -> None:
    machine.stack.append(machine.found(None, None))


def _instance(machine: Machine, argument: bytes) -> None:
    arguments = tuple(machine.pop_mark())
    _global(machine, argument)
    machine.make(machine.pop(), arguments)


def _object(machine: Machine, _argument: bytes) -> None:
    made_of, *arguments = machine.pop_mark()
    machine.make(made_of, tuple(arguments))


def _new_object(machine: Machine, _argument: bytes) -> None:
    arguments, made_of = machine.pop(), machine.pop()
    machine.make(made_of, arguments)


def _new_object_ex(machine: Machine, argument: bytes) -> None:
    machine.pop()  # the keywords
    _new_object(machine, argument)


def _reduce(machine: Machine, _argument: bytes) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.call(function, arguments)


def _build(machine: Machine, _argument: bytes) -> None:
    machine.build(machine.pop())


HANDLERS: Mapping[str, Handler] = {
    "PROTO": lambda machine, argument: machine.declare(argument[0]),
    "STRING": lambda machine, argument: _old_text(machine, argument.strip()[1:-1]),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _old_text),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _text),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _bytes),
    **dict.fromkeys(("BININT1", "BININT2"), _number),
    **dict.fromkeys(("BININT", "LONG1", "LONG4"), _signed),
    **dict.fromkeys(("INT", "LONG"), lambda machine, argument: machine.stack.append(int(argument.rstrip(b"L")))),
    "MARK": _mark,
    "POP": _pop,
    "DUP": lambda machine, _argument: machine.stack.append(machine.stack[-1]),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), lambda machine, argument: _put(machine, _place(argument))),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, argument: _get(machine, _place(argument))),
    "PUT": lambda machine, argument: _put(machine, int(argument)),
    "GET": lambda machine, argument: _get(machine, int(argument)),
    "MEMOIZE": lambda machine, _argument: _put(machine, len(machine.memo)),
    **{name: _tuple(size) for size, name in enumerate(("EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"))},
    "TUPLE": lambda machine, _argument: machine.stack.append(tuple(machine.pop_mark())),
    "EMPTY_DICT": lambda machine, _argument: machine.stack.append({}),
    "DICT": _dictionary,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _extension),
    "INST": _instance,
    "OBJ": _object,
    "NEWOBJ": _new_object,
    "NEWOBJ_EX": _new_object_ex,
    "REDUCE": _reduce,
    "BUILD": _build,
}
