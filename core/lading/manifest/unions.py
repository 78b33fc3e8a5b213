"""Find the member of a union that a value means. Literal fields distinguish its records."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from ..model import Json
from .build import hints
from .records import Path_
from .values import holds

_UNIONS = (Union, UnionType)
_LISTS = (tuple, list)
_MAPPINGS = (dict, Mapping)


class Meant(NamedTuple):
    """The value at `path` means this member of a union."""

    path: Path_
    member: Any


class Unmatched(NamedTuple):
    """The value at `path` means no member of a union: its key `name` has none of the `allowed` values."""

    path: Path_
    name: str
    allowed: tuple[Json, ...]


def first_choice(hint: Any, value: Json, path: Path_, place: Path_ = ()) -> Meant | Unmatched | None:
    """The choice at the first union on the way to `path`; None if there is none, or if the value does not show it."""
    members = tuple(_members(hint))
    if len(members) > 1 and (found := _choice(members, _discriminator(hint), value, place)):
        return found
    if not path or not holds(value, path[0]):
        return None
    for member in members:
        inner = _inner(member, path[0])
        if inner is not None and (found := first_choice(inner, value[path[0]], path[1:], (*place, path[0]))):
            return found
    return None


def types_at(hint: Any, path: Path_) -> Iterator[Any]:
    """The types that the value at `path` may have, in all members of the unions on the way."""
    for member in _members(hint):
        if not path:
            yield member
        elif (inner := _inner(member, path[0])) is not None:
            yield from types_at(inner, path[1:])


def _members(hint: Any) -> Iterator[Any]:
    """The types that a value may have, without None; a type that is not a union is its only member."""
    bare = bare_type(hint)
    if get_origin(bare) in _UNIONS:
        for member in get_args(bare):
            yield from _members(member)
    elif bare not in (None, NoneType):
        yield bare if dataclasses.is_dataclass(bare) else hint


def _discriminator(hint: Any) -> str | None:
    """The field that a union's annotation names as its discriminator."""
    marks = hint.__metadata__ if get_origin(hint) is Annotated else ()
    named = (name for mark in marks if isinstance(name := getattr(mark, "discriminator", None), str))
    parts = get_args(bare_type(hint)) if get_origin(bare_type(hint)) in _UNIONS else ()
    return next(named, None) or next(filter(None, map(_discriminator, parts)), None)


def _choice(members: tuple[Any, ...], discriminator: str | None, value: Json, place: Path_) -> Meant | Unmatched | None:
    if isinstance(value, dict):
        fitting = tuple(member for member in members if dataclasses.is_dataclass(member) or _is_a(member, _MAPPINGS))
        return _by_literal(fitting, discriminator, value, place)
    lists = [member for member in members if isinstance(value, list) and _is_a(member, _LISTS)]
    return Meant(place, lists[0]) if len(lists) == 1 else None


def _by_literal(
    members: tuple[Any, ...], discriminator: str | None, value: Mapping[str, Json], place: Path_
) -> Meant | Unmatched | None:
    names = (discriminator,) if discriminator else tuple(dict.fromkeys(_literal_names(members)))
    wrong = None
    for name in filter(value.__contains__, names):
        matching = tuple(member for member in members if _is_one_of(value[name], _literals(member, name)))
        free = tuple(member for member in members if _has(member, name) and not _literals(member, name))
        wrong = None if matching or free else wrong or name
        members = matching or free or members
        if matching:
            break
    if wrong:
        return Unmatched(place, wrong, _allowed(members, wrong))
    known = [member for member in members if all(_has(member, key) for key in value)]
    for candidates in (members, known):
        if len(candidates) == 1 and (discriminator is None or discriminator in value):
            return Meant(place, candidates[0])
    for name in names:
        if name not in value and all(_literals(member, name) for member in members):
            return Unmatched(place, name, _allowed(members, name))
    return None


def _literal_names(members: tuple[Any, ...]) -> Iterator[str]:
    """The literal fields of records."""
    for member in members:
        yield from (name for name in _fields(member) if _literals(member, name))


def _literals(member: Any, name: str) -> tuple[Json, ...]:
    """The values that a field of a record may have, if its type lists them all."""
    choices = [bare_type(choice) for choice in _members(_fields(member).get(name))]
    listed = choices and all(get_origin(choice) is Literal for choice in choices)
    return tuple(value for choice in choices for value in get_args(choice)) if listed else ()


def _allowed(members: tuple[Any, ...], name: str) -> tuple[Json, ...]:
    return tuple(dict.fromkeys(value for member in members for value in _literals(member, name)))


def _is_one_of(value: Json, choices: tuple[Json, ...]) -> bool:
    return any(type(choice) is type(value) and choice == value for choice in choices)


def _has(member: Any, key: str) -> bool:
    """Whether a record or a mapping may have this key."""
    return _is_a(member, _MAPPINGS) or key in _fields(member)


def _inner(hint: Any, part: str | int) -> Any:
    """The type of the item that a value of this type has at a key or an index; None if it is not known."""
    bare = bare_type(hint)
    arguments = get_args(bare)
    if dataclasses.is_dataclass(bare):
        return _fields(bare).get(str(part))
    if _is_a(bare, _MAPPINGS):
        return arguments[1]
    if not arguments or not _is_a(bare, _LISTS) or not isinstance(part, int):
        return None
    many = get_origin(bare) is list or arguments[-1] is Ellipsis
    return arguments[0] if many else arguments[part] if part < len(arguments) else None


def _fields(record: Any) -> Mapping[str, Any]:
    """The types of the fields of a record; empty for a mapping, whose keys are not known."""
    return hints(record) if dataclasses.is_dataclass(record) and isinstance(record, type) else {}


def bare_type(hint: Any) -> Any:
    """A type without its annotations."""
    return hint.__origin__ if get_origin(hint) is Annotated else hint


def _is_a(hint: Any, origins: tuple[Any, ...]) -> bool:
    return get_origin(bare_type(hint)) in origins
