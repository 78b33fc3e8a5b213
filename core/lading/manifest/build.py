"""Build options from JSON values. This builder works without pydantic."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Container, Mapping
from contextlib import suppress
from enum import Enum
from functools import cache
from inspect import get_annotations
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ..base.matching import file_pattern, is_pattern, matching_files
from ..errors import PluginError
from ..model import Duration, IsInput, IsPath, Json, MayNameInput
from ..model.constraints import in_seconds
from .records import Path_
from .values import path_to
from .words import dotted


class Mismatch(TypeError):
    """The type of a value does not match its annotation."""


class BrokenRule(ValueError):
    """An options type rejected its values. `path` is its block, or the field that starts its message."""

    def __init__(self, path: Path_, message: str) -> None:
        super().__init__(message)
        self.path = path


@cache
def hints(options: type) -> Mapping[str, Any]:
    """The types of the fields of a dataclass, by name. Raises PluginError if an annotation cannot be resolved."""
    found = _resolved(options, options)
    return {name: found[name] for name in _names(options)}


@cache
def _type_of(options: type, name: str) -> Any:
    """The type of one field. To resolve those of all fields takes long, and a block has few of them."""
    owner = next(base for base in options.__mro__ if name in get_annotations(base))
    alone = {"__module__": owner.__module__, "__annotations__": {name: get_annotations(owner)[name]}}
    return _resolved(type(name, (), alone), options)[name]


def _resolved(annotated: type, options: type) -> dict[str, Any]:
    try:
        return get_type_hints(annotated, include_extras=True)
    except NameError as error:
        message = f"options type {options.__module__}.{options.__qualname__}: {error}"
        raise PluginError(message, hint="import the names of its annotations at run time") from error


@cache
def _names(options: Any) -> tuple[str, ...]:
    """The fields that a block can set."""
    return tuple(field.name for field in dataclasses.fields(options) if field.init)


class Builder:
    """Builds values of annotated types.

    `inputs` collects the absolute input paths, and `durations` the seconds of each text with a unit. Both are by their
    path in the value.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.inputs: dict[Path_, Path] = {}
        self.durations: dict[Path_, float] = {}

    def build(self, hint: Any, value: Json, path: Path_ = ()) -> Any:
        """Build a value of the type `hint`.

        Raises Mismatch if the type does not match, BrokenRule if `__post_init__` raises ValueError, and PluginError for
        an unsupported type.
        """
        origin = get_origin(hint)
        if origin in _GENERIC and _names_members(hint):
            return _GENERIC[origin](self, hint, value, path)
        if hint in (Any, object):
            return value
        if dataclasses.is_dataclass(hint):
            return self._dataclass(hint, value, path)
        return _leaf(hint, value)

    @property
    def files(self) -> dict[str, Path]:
        """The input paths by their dotted path in the value."""
        return {dotted(place): file for place, file in self.inputs.items()}

    def plain(self, value: Json, written: Json) -> Json:
        """The value with the seconds of its durations, so that `10m` and 600 are equal. `written` has `${NAME}`.

        The text of a variable stays, as for an option that takes a number.
        """
        for path, seconds in self.durations.items():
            value = _replaced(value, written, path, seconds)
        return value

    def survey(self, options: Any, block: Mapping[str, Json]) -> None:
        """Collect the input paths of a block that has problems, from the fields that can be built."""
        for name in hints(options).keys() & block.keys():
            with suppress(Mismatch, BrokenRule):
                self.build(hints(options)[name], block[name], (name,))

    def _annotated(self, hint: Any, value: Json, path: Path_) -> Any:
        mark = next((mark for mark in hint.__metadata__ if isinstance(mark, IsPath | MayNameInput | Duration)), None)
        if isinstance(mark, Duration):
            value = self._seconds(value, path)
        if mark is None or isinstance(mark, Duration):
            return self.build(hint.__origin__, value, path)
        if isinstance(mark, MayNameInput):
            return self._text(mark, self.build(hint.__origin__, value, path), path)
        file = self._absolute(_expect(str, value))
        if not isinstance(mark, IsInput):
            return file
        if mark.pattern and is_pattern(value) and not file.exists():
            return self._matching(value, path)
        self.inputs[path] = file
        if mark.names:
            more = [self._absolute(str(each)) for each in mark.names(file)]
            self.inputs |= {(*path, os.path.relpath(each, file.parent)): each for each in more}
        return file

    def _seconds(self, value: Json, path: Path_) -> Json:
        """The seconds of a text with a unit. Any other value stays."""
        if not isinstance(value, str):
            return value
        seconds = in_seconds(value)
        if seconds is None:
            raise Mismatch
        self.durations[path] = seconds
        return seconds

    def _text(self, mark: MayNameInput, value: str, path: Path_) -> str:
        """A text, with the absolute path of the file that it names."""
        name = mark.find(value)
        if not name:
            return value
        self.inputs[path] = file = self._absolute(name)
        return value.replace(name, str(file))

    def _matching(self, value: str, path: Path_) -> Path:
        """A pattern for files. Each file that it matches is an input."""
        pattern = file_pattern(self._folder, value)
        files = matching_files(pattern)
        if not files:
            raise BrokenRule(path, f"no file matches {value}")
        self.inputs |= {(*path, os.path.relpath(file, self._folder)): file for file in files}
        return pattern

    def _absolute(self, value: str) -> Path:
        # Links in the folder are resolved, so that `..` has its usual meaning. A link at the last part is kept.
        joined = self._folder / value
        return Path(os.path.realpath(joined.parent), joined.name)

    def _union(self, hint: Any, value: Json, path: Path_) -> Any:
        for member in get_args(hint):
            attempt = Builder(self._folder)
            try:
                return attempt.build(member, value, path)
            except Mismatch:
                attempt.inputs.clear()
                attempt.durations.clear()
            finally:
                self.inputs |= attempt.inputs
                self.durations |= attempt.durations
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
        block, names = _expect(dict, value), _names(hint)
        if not block.keys() <= set(names) or _required(hint) - block.keys():
            raise Mismatch
        fields = {name: self.build(_type_of(hint, name), item, (*path, name)) for name, item in block.items()}
        try:
            return hint(**fields)
        except ValueError as error:
            raise _broken_rule(str(error), block, names, path) from error
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
_MEMBERS = {list: 1, dict: 2, Mapping: 2}


def _names_members(hint: Any) -> bool:
    """Whether a generic type names the types of its items. `tuple[()]` and `dict[str]` do not."""
    found = len(get_args(hint))
    return found == _MEMBERS.get(get_origin(hint), found) and found > 0


def _broken_rule(message: str, block: Json, types: Container[str], path: Path_) -> BrokenRule:
    """The error for a broken rule. If the message begins with an option (`routes.0.to: …`), it is at that option."""
    option, colon, rest = message.partition(": ")
    if not colon or option.partition(".")[0] not in types or " " in option:
        return BrokenRule(path, message)
    return BrokenRule((*path, *path_to(block, option)), rest)


def _replaced(value: Json, written: Json, path: Path_, seconds: float) -> Json:
    """A value with a number at a path, unless a variable is written there."""
    if not path:
        return value if "${" in written else seconds
    first, *rest = path
    copy = value.copy()
    copy[first] = _replaced(value[first], written[first], tuple(rest), seconds)
    return copy


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
