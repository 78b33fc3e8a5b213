"""The effect of each opcode on the known values. All other opcodes only take and give their number of values."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Any

from .bytestream import Rejected
from .machine import Machine
from .values import (
    HIDDEN,
    UNREADABLE,
    UNSEEN,
    Dictionary,
    Global,
    Hidden,
    Items,
    Object,
    has_ordinary_keys,
    is_ordinary,
)

Handler = Callable[[Machine, bytes], None]

_LONGEST_TEXT = 256  # bytes; a longer text cannot name a global
_MOST_ITEMS = 64  # items of a dictionary; an array's description has fewer
_CODE = b"\ndef _parse_args("  # the code that SciPy keeps with a distribution
_LONGEST_CODE = 4096


def _text(machine: Machine, argument: bytes) -> None:
    is_short = len(argument) <= (_LONGEST_CODE if argument.startswith(_CODE) else _LONGEST_TEXT)
    machine.stack.append(argument.decode("utf-8", "replace") if is_short else UNSEEN)


def _bytes(machine: Machine, argument: bytes) -> None:
    machine.nested(argument)
    machine.stack.append(UNSEEN)


def _old_text(machine: Machine, argument: bytes) -> None:
    machine.nested(argument)
    _text(machine, argument)


def _quoted_text(machine: Machine, argument: bytes) -> None:
    decoded: Any = codecs.escape_decode(argument.strip()[1:-1])[0]
    _old_text(machine, decoded)


def _escaped_text(machine: Machine, argument: bytes) -> None:
    _text(machine, argument.decode("raw-unicode-escape").encode("utf-8", "replace"))


def _number(machine: Machine, argument: bytes) -> None:
    machine.stack.append(int.from_bytes(argument, "little"))


def _signed(machine: Machine, argument: bytes) -> None:
    machine.stack.append(int.from_bytes(argument[:_LONGEST_TEXT], "little", signed=True))


def _number_in_digits(machine: Machine, argument: bytes) -> None:
    text = argument.strip().rstrip(b"L")
    if not re.match(rb"[+-]?\d", text):  # no base has such a number
        raise Rejected
    machine.stack.append(int(text))


def _mark(machine: Machine, _argument: bytes) -> None:
    machine.marks.append(len(machine.stack))


def _pop(machine: Machine, _argument: bytes) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


def _duplicate(machine: Machine, _argument: bytes) -> None:
    machine.stack.append(machine.stack[-1])
    machine.used(machine.stack[-1])


def _place(argument: bytes) -> int:
    return int.from_bytes(argument, "little")


def _put(machine: Machine, place: int) -> None:
    machine.memo[place] = machine.stack[-1]


def _get(machine: Machine, place: int) -> None:
    machine.stack.append(machine.recall(place))
    machine.used(machine.memo[place])


def _tuple(size: int) -> Handler:
    def handle(machine: Machine, _argument: bytes) -> None:
        items = [machine.pop() for _place in range(size)]
        machine.stack.append(tuple(reversed(items)))

    return handle


def _empty_list(machine: Machine, _argument: bytes) -> None:
    machine.stack.append(Items("list"))


def _empty_set(machine: Machine, _argument: bytes) -> None:
    machine.stack.append(Items("set"))


def _list(machine: Machine, _argument: bytes) -> None:
    items = machine.pop_mark()
    machine.stack.append(Items("list"))
    _extend(machine, items)


def _frozen_set(machine: Machine, _argument: bytes) -> None:
    items = machine.pop_mark()
    machine.demand_data(*items)  # their hashes are computed
    machine.stack.append(Items("frozenset"))


def _append(machine: Machine, _argument: bytes) -> None:
    value = machine.pop()
    _extend(machine, [value])


def _append_all(machine: Machine, _argument: bytes) -> None:
    items = machine.pop_mark()
    _extend(machine, items)


def _add_all(machine: Machine, _argument: bytes) -> None:
    items = machine.pop_mark()
    machine.demand_data(*items)
    _extend(machine, items)


def _extend(machine: Machine, items: list[Any]) -> None:
    """Add items to a list or a set. An unpickler calls a method of another object for this."""
    known = machine.stack[-1]
    if not machine.is_container(known):
        machine.blame(known.made_of if isinstance(known, Object) else known)
    if isinstance(known, Items):
        known.add(items)
    if isinstance(known, Object | Items):
        machine.filled(known, machine.active(tuple(items)))


def _set_item(machine: Machine, _argument: bytes) -> None:
    value, key = machine.pop(), machine.pop()
    _fill(machine, [key, value])


def _set_items(machine: Machine, _argument: bytes) -> None:
    items = machine.pop_mark()
    _fill(machine, items)


def _empty_dictionary(machine: Machine, _argument: bytes) -> None:
    machine.stack.append(Dictionary())


def _dictionary(machine: Machine, _argument: bytes) -> None:
    items = machine.pop_mark()
    _empty_dictionary(machine, _argument)
    _fill(machine, items)


def _fill(machine: Machine, items: list[Any]) -> None:
    """Fill a dictionary. If it gets a key that is not known, or too many, all of it becomes unknown."""
    known, keys, values = machine.stack[-1], items[::2], items[1::2]
    machine.demand_data(*keys)  # their hashes are computed
    if isinstance(known, Object):
        _fill_object(machine, known, keys, values)
    if not isinstance(known, Dictionary):
        return
    if known.is_judged:
        machine.filled(known, machine.active(tuple(values)))
    is_known = UNREADABLE not in known and all(isinstance(key, str | int) for key in keys)
    if is_known:
        known.update(zip(keys, values, strict=False))
    if not is_known or len(known) > _MOST_ITEMS:
        are_ordinary = has_ordinary_keys(known) and all(map(is_ordinary, keys))
        active = machine.active((known, *values))
        known.clear()
        known |= {UNREADABLE: are_ordinary} | ({HIDDEN: Hidden(active)} if active else {})


def _fill_object(machine: Machine, known: Object, keys: list[Any], values: list[Any]) -> None:
    """Fill an object that is no dictionary. It has its items as attributes, or takes each by a method of its own."""
    active = machine.active(tuple(values))
    takes_attributes = isinstance(known.made_of, Global) and not machine.holds_only_data(known.made_of)
    is_matrix = active is None and all(isinstance(key, tuple) for key in keys)
    are_ordinary = takes_attributes and all(isinstance(key, str) and is_ordinary(key) for key in keys)
    if not (machine.is_container(known) or are_ordinary or is_matrix):
        machine.blame(known.made_of)
    machine.filled(known, active)


def _global(machine: Machine, argument: bytes) -> None:
    module, _, name = argument.decode("utf-8", "replace").partition("\n")
    if not machine.protocol and not all(part.isidentifier() for part in module.split(".")):
        raise Rejected  # a text file that begins with the letter of this opcode
    machine.stack.append(machine.found(module, name))


def _stack_global(machine: Machine, _argument: bytes) -> None:
    name, module = machine.pop(), machine.pop()
    machine.stack.append(machine.found(module, name))


def _extension(machine: Machine, _argument: bytes) -> None:
    machine.stack.append(machine.found(None, None))


def _instance(machine: Machine, argument: bytes) -> None:
    arguments = tuple(machine.pop_mark())
    _global(machine, argument)
    machine.construct(machine.pop(), arguments)


def _object(machine: Machine, _argument: bytes) -> None:
    made_of, *arguments = machine.pop_mark()
    machine.construct(made_of, tuple(arguments))


def _new_object(machine: Machine, _argument: bytes) -> None:
    arguments, made_of = machine.pop(), machine.pop()
    machine.make(made_of, arguments)


def _new_object_ex(machine: Machine, argument: bytes) -> None:
    machine.demand_data(machine.pop())  # the keywords
    _new_object(machine, argument)


def _reduce(machine: Machine, _argument: bytes) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.call(function, arguments)


def _build(machine: Machine, _argument: bytes) -> None:
    machine.build(machine.pop())


HANDLERS: Mapping[str, Handler] = {
    "PROTO": lambda machine, argument: machine.declare(argument[0]),
    "STRING": _quoted_text,
    "UNICODE": _escaped_text,
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _old_text),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _text),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _bytes),
    **dict.fromkeys(("BININT1", "BININT2"), _number),
    **dict.fromkeys(("BININT", "LONG1", "LONG4"), _signed),
    **dict.fromkeys(("INT", "LONG"), _number_in_digits),
    "NONE": lambda machine, _argument: machine.stack.append(None),
    "FRAME": lambda machine, argument: machine.framed(int.from_bytes(argument, "little")),
    "MARK": _mark,
    "POP": _pop,
    "DUP": _duplicate,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), lambda machine, argument: _put(machine, _place(argument))),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, argument: _get(machine, _place(argument))),
    "PUT": lambda machine, argument: _put(machine, int(argument)),
    "GET": lambda machine, argument: _get(machine, int(argument)),
    "MEMOIZE": lambda machine, _argument: _put(machine, len(machine.memo)),
    **{name: _tuple(size) for size, name in enumerate(("EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"))},
    "TUPLE": lambda machine, _argument: machine.stack.append(tuple(machine.pop_mark())),
    "EMPTY_LIST": _empty_list,
    "EMPTY_SET": _empty_set,
    "LIST": _list,
    "FROZENSET": _frozen_set,
    "APPEND": _append,
    "APPENDS": _append_all,
    "ADDITEMS": _add_all,
    "EMPTY_DICT": _empty_dictionary,
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
