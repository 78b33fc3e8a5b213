"""JSON values to options: one structural builder, which needs no pydantic."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import PluginError
from ..model import IsInput, IsPath, Json
from .records import Path_


class Mismatch(TypeError):
    """A value has another shape than its type."""


class BrokenRule(ValueError):
    """An options type refused its values; `path` is its block, or the field that its message begins with."""

    def __init__(self, path: Path_, message: str) -> None:
        super().__init__(message)
        self.path = path


@cache
def hints(options: type) -> Mapping[str, Any]:
    """The types of the fields of a dataclass, by name. Raises PluginError where an annotation cannot be resolved."""
    try:
        found = get_type_hints(options, include_extras=True)
    except NameError as error:
        message = f"options type {options.__module__}.{options.__qualname__}: {error}"
        raise PluginError(message, hint="import the names of its annotations at run time") from error
    return {field.name: found[field.name] for field in dataclasses.fields(options) if field.init}


class Builder:
    """Builds values of annotated types; `inputs` collects the input paths met, absolute, by their place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.inputs: dict[Path_, Path] = {}

    def build(self, hint: Any, value: Json, path: Path_ = ()) -> Any:
        """Raises Mismatch, or BrokenRule where `__post_init__` raised ValueError; PluginError for a foreign type."""
        origin = get_origin(hint)
        if origin in _GENERIC:
            return _GENERIC[origin](self, hint, value, path)
        if hint in (Any, object):
            return value
        if dataclasses.is_dataclass(hint):
            return self._dataclass(hint, value, path)
        return _leaf(hint, value)

    def survey(self, options: Any, block: Mapping[str, Json]) -> None:
        """Collect the inputs of a block that has problems, as far as its fields can be built."""
        for name in hints(options).keys() & block.keys():
            with suppress(Mismatch, BrokenRule):
                self.build(hints(options)[name], block[name], (name,))

    def _annotated(self, hint: Any, value: Json, path: Path_) -> Any:
        mark = next((mark for mark in hint.__metadata__ if isinstance(mark, IsPath)), None)
        if mark is None:
            return self.build(hint.__origin__, value, path)
        file = self._absolute(_expect(str, value))
        if isinstance(mark, IsInput):
            self.inputs[path] = file
        return file

    def _absolute(self, value: str) -> Path:
        # The folder's links are resolved, so that `..` means what it means to the system; the file keeps its own name.
        joined = self._folder / value
        return Path(os.path.realpath(joined.parent), joined.name)

    def _union(self, hint: Any, value: Json, path: Path_) -> Any:
        for member in get_args(hint):
            attempt = Builder(self._folder)
            try:
                return attempt.build(member, value, path)
            except Mismatch:
                attempt.inputs.clear()
            finally:
                self.inputs |= attempt.inputs
        raise Mismatch

    def _tuple(self, hint: Any, value: Json, path: Path_) -> tuple[Any, ...]:
        members = get_args(hint)
        items = _expect(list, value)
        if members[-1] is Ellipsis:
            members = members[:1] * len(items)
        if len(members) != len(items):
            raise Mismatch
        pairs = zip(members, items, strict=True)
        return tuple(self.build(member, item, (*path, index)) for index, (member, item) in enumerate(pairs))

    def _list(self, hint: Any, value: Json, path: Path_) -> list[Any]:
        (member,) = get_args(hint)
        return [self.build(member, item, (*path, index)) for index, item in enumerate(_expect(list, value))]

    def _mapping(self, hint: Any, value: Json, path: Path_) -> dict[str, Any]:
        _, member = get_args(hint)
        return {key: self.build(member, item, (*path, key)) for key, item in _expect(dict, value).items()}

    def _dataclass(self, hint: Any, value: Json, path: Path_) -> Any:
        types = hints(hint)
        block = _expect(dict, value)
        if not block.keys() <= types.keys() or _required(hint) - block.keys():
            raise Mismatch
        fields = {name: self.build(types[name], item, (*path, name)) for name, item in block.items()}
        try:
            return hint(**fields)
        except ValueError as error:
            name, colon, rest = str(error).partition(": ")
            where, message = ((*path, name), rest) if colon and name in types else (path, str(error))
            raise BrokenRule(where, message) from error
        except Exception as error:
            raise PluginError(f"options type {hint.__qualname__} raised {type(error).__name__}: {error}") from error


_GENERIC = {
    Annotated: Builder._annotated,
    Union: Builder._union,
    UnionType: Builder._union,
    tuple: Builder._tuple,
    list: Builder._list,
    dict: Builder._mapping,
    Mapping: Builder._mapping,
}


@cache
def _required(options: Any) -> frozenset[str]:
    missing = dataclasses.MISSING
    fields = (field for field in dataclasses.fields(options) if field.init)
    return frozenset(field.name for field in fields if field.default is missing and field.default_factory is missing)


def _expect(kind: type, value: Json) -> Any:
    if type(value) is not kind:
        raise Mismatch
    return value


def _leaf(hint: Any, value: Json) -> Any:
    if hint is None or hint in (NoneType, bool, int, str):
        return _expect(hint or NoneType, value)
    if hint is float:
        return float(value if type(value) is int else _expect(float, value))
    if hint is Path:
        return Path(_expect(str, value))
    if get_origin(hint) is Literal:
        return _choice(get_args(hint), value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(hint, value)
    known = "use text, numbers, booleans, paths, enums, and tuples, mappings and dataclasses of these"
    raise PluginError(f"options cannot have a field of type {hint}", hint=known)


def _choice(choices: tuple[Any, ...], value: Json) -> Json:
    if not any(type(choice) is type(value) and choice == value for choice in choices):
        raise Mismatch
    return value


def _member(hint: type[Enum], value: Json) -> Enum:
    try:
        return hint(value)
    except ValueError:
        raise Mismatch from None
