"""What each opcode does to the values that are known; all others only take and give as many as they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .walking import Walk

Handler = Callable[["Walk", bytes], None]

_LONGEST_TEXT = 256  # bytes; no longer text names a global
_MOST_ITEMS = 64  # of a dictionary; an array's description has fewer


def _text(walk: Walk, argument: bytes) -> None:
    walk.stack.append(argument.decode("utf-8", "replace") if len(argument) <= _LONGEST_TEXT else None)


def _bytes(walk: Walk, argument: bytes) -> None:
    walk.nested(argument)
    walk.stack.append(None)


def _old_text(walk: Walk, argument: bytes) -> None:
    walk.nested(argument)
    _text(walk, argument)


def _number(walk: Walk, argument: bytes) -> None:
    walk.stack.append(int.from_bytes(argument, "little"))


def _signed(walk: Walk, argument: bytes) -> None:
    walk.stack.append(int.from_bytes(argument[:_LONGEST_TEXT], "little", signed=True))


def _mark(walk: Walk, _argument: bytes) -> None:
    walk.marks.append(len(walk.stack))


def _pop(walk: Walk, _argument: bytes) -> None:
    if walk.marks and walk.marks[-1] == len(walk.stack):
        walk.marks.pop()
    else:
        walk.stack.pop()


def _put(walk: Walk, place: int) -> None:
    walk.memo[place] = walk.stack[-1]


def _get(walk: Walk, place: int) -> None:
    walk.stack.append(walk.memo[place])


def _tuple(size: int) -> Handler:
    def handle(walk: Walk, _argument: bytes) -> None:
        items = [walk.pop() for _place in range(size)]
        walk.stack.append(tuple(reversed(items)))

    return handle


def _set_item(walk: Walk, _argument: bytes) -> None:
    value, key = walk.pop(), walk.pop()
    _fill(walk.stack[-1], [key, value])


def _set_items(walk: Walk, _argument: bytes) -> None:
    items = walk.pop_mark()
    _fill(walk.stack[-1], items)


def _dictionary(walk: Walk, _argument: bytes) -> None:
    items = walk.pop_mark()
    walk.stack.append({})
    _fill(walk.stack[-1], items)


def _fill(known: Any, items: list[Any]) -> None:
    if isinstance(known, dict) and len(known) + len(items) <= _MOST_ITEMS:
        known.update({key: value for key, value in zip(items[::2], items[1::2], strict=False) if isinstance(key, str)})


def _global(walk: Walk, argument: bytes) -> None:
    module, _, name = argument.decode("utf-8", "replace").partition("\n")
    walk.stack.append(walk.found(module, name))


def _stack_global(walk: Walk, _argument: bytes) -> None:
    name, module = walk.pop(), walk.pop()
    walk.stack.append(walk.found(module, name))


def _instance(walk: Walk, argument: bytes) -> None:
    arguments = tuple(walk.pop_mark())
    _global(walk, argument)
    walk.make(walk.pop(), arguments)


def _object(walk: Walk, _argument: bytes) -> None:
    made_of, *arguments = walk.pop_mark()
    walk.make(made_of, tuple(arguments))


def _new_object(walk: Walk, _argument: bytes) -> None:
    arguments, made_of = walk.pop(), walk.pop()
    walk.make(made_of, arguments)


def _new_object_ex(walk: Walk, argument: bytes) -> None:
    walk.pop()  # the keywords
    _new_object(walk, argument)


def _reduce(walk: Walk, _argument: bytes) -> None:
    arguments, function = walk.pop(), walk.pop()
    walk.call(function, arguments)


def _build(walk: Walk, _argument: bytes) -> None:
    walk.build(walk.pop())


HANDLERS: Mapping[str, Handler] = {
    "PROTO": lambda walk, argument: walk.declare(argument[0]),
    "STRING": lambda walk, argument: _old_text(walk, argument.strip()[1:-1]),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _old_text),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _text),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _bytes),
    **dict.fromkeys(("BININT1", "BININT2"), _number),
    **dict.fromkeys(("BININT", "LONG1", "LONG4"), _signed),
    **dict.fromkeys(("INT", "LONG"), lambda walk, argument: walk.stack.append(int(argument.rstrip(b"L")))),
    "MARK": _mark,
    "POP": _pop,
    "DUP": lambda walk, _argument: walk.stack.append(walk.stack[-1]),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), lambda walk, argument: _put(walk, int.from_bytes(argument, "little"))),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda walk, argument: _get(walk, int.from_bytes(argument, "little"))),
    "PUT": lambda walk, argument: _put(walk, int(argument)),
    "GET": lambda walk, argument: _get(walk, int(argument)),
    "MEMOIZE": lambda walk, _argument: _put(walk, len(walk.memo)),
    **{name: _tuple(size) for size, name in enumerate(("EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"))},
    "TUPLE": lambda walk, _argument: walk.stack.append(tuple(walk.pop_mark())),
    "EMPTY_DICT": lambda walk, _argument: walk.stack.append({}),
    "DICT": _dictionary,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), lambda walk, _argument: walk.stack.append(walk.found(None, None))),
    "INST": _instance,
    "OBJ": _object,
    "NEWOBJ": _new_object,
    "NEWOBJ_EX": _new_object_ex,
    "REDUCE": _reduce,
    "BUILD": _build,
}
