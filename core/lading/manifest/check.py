"""Check values against an options type with pydantic, and word the problems in Lading's terms."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, cast, get_args, get_origin

from ..errors import PluginError, Problem
from ..model import Json, Options
from .build import hints
from .document import Document
from .records import Path_
from .unions import Meant, Unmatched, first_choice
from .values import holds
from .words import MAX_PROBLEMS, PATTERN_WORDS, did_you_mean, either, quoted

if TYPE_CHECKING:
    from pydantic import ConfigDict
    from pydantic_core import ErrorDetails, SchemaValidator

_Details = list[tuple[Path_, "ErrorDetails"]]

_UNKNOWN_KEY = "unexpected_keyword_argument"

# The expected kind, by pydantic's error type.
_KINDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "path_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "dataclass_type": "a mapping",
}

_CHOICES = ("literal_error", "enum")

_BOUNDS = ("greater_than_equal", "greater_than", "less_than_equal", "less_than")

# The messages for values of the right kind that break a rule.
_RULES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "missing key",
    "greater_than_equal": lambda rule: f"must be at least {rule['ge']:.15g}",
    "greater_than": lambda rule: f"must be more than {rule['gt']:.15g}",
    "less_than_equal": lambda rule: f"must be at most {rule['le']:.15g}",
    "less_than": lambda rule: f"must be less than {rule['lt']:.15g}",
    "string_pattern_mismatch": lambda rule: f"must be {_pattern(rule['pattern'])}",
    "string_too_short": lambda rule: f"must have at least {rule['min_length']} characters",
    "string_too_long": lambda rule: f"must have at most {rule['max_length']} characters",
    "too_short": lambda rule: f"must have at least {rule['min_length']} items",
    "too_long": lambda rule: f"must have at most {rule['max_length']} items",
}


def check(hint: Any, value: Json, document: Document, block: Path_, *, reserved: Iterable[str]) -> list[Problem]:
    """The problems of `value`, which is at the path `block` of the document. `reserved` are further keys of the block.

    Raises PluginError if pydantic does not support the type.
    """
    from pydantic_core import ValidationError

    try:
        _validator(hint).validate_json(json.dumps([value]))
    except ValidationError as error:
        details = error.errors(include_url=False)
        return list(_Wording(hint, value, document, block, reserved).problems(details))
    return []


@cache
def _validator(hint: Any) -> SchemaValidator:
    """The validator for a list of one value. Within the list, the rules of options also apply to members of a union."""
    from pydantic import PydanticUserError, TypeAdapter
    from pydantic_core import CoreConfig, SchemaValidator

    try:
        config = cast("ConfigDict", Options.__pydantic_config__)
        adapter = TypeAdapter[Any](tuple[hint], config=config)
        adapter.rebuild()
        return SchemaValidator(_without_post_init(adapter.core_schema), CoreConfig(strict=True))
    except (PydanticUserError, NameError, TypeError) as error:  # TypeError: `dict[str]`
        raise PluginError(f"options type {hint.__module__}.{hint.__qualname__} is unusable: {error}") from error


def _without_post_init(schema: Any) -> Any:
    """A schema without `__post_init__`, because a plugin's own rules run when Lading builds the options."""
    if isinstance(schema, dict):
        return {key: _without_post_init(item) for key, item in schema.items() if key != "post_init"}
    if isinstance(schema, list | tuple):
        return type(schema)(map(_without_post_init, schema))
    return schema


class _Wording:
    """Turns pydantic's errors into problems of the document."""

    def __init__(self, hint: Any, value: Json, document: Document, block: Path_, reserved: Iterable[str]) -> None:
        self._hint = hint
        self._value = value
        self._document = document
        self._block = block
        self._reserved = set(reserved)

    def problems(self, details: Iterable[ErrorDetails]) -> Iterator[Problem]:
        plain: _Details = []
        unions: dict[Path_, tuple[Meant | Unmatched, _Details]] = {}
        for detail in details:
            path = self._path(detail)
            place = next((path[:end] for end in range(len(path) + 1) if path[:end] in unions), None)
            if place is None and (choice := first_choice(self._hint, self._value, path)):
                unions[place := choice.path] = choice, []
            (plain if place is None else unions[place][1]).append((path, detail))
            if len(plain) + len(unions) > MAX_PROBLEMS:
                break
        yield from self._worded(plain)
        for choice, instead in unions.values():
            yield from self._chosen(choice) or self._worded(instead)

    def _chosen(self, choice: Meant | Unmatched) -> list[Problem]:
        """The problems of a union's value, by the rules of the member that it means."""
        value = _at(self._value, choice.path)
        if isinstance(choice, Meant):
            return check(choice.member, value, self._document, (*self._block, *choice.path), reserved=())
        message, word = f"must be {either(map(_choice, choice.allowed))}", value.get(choice.name)
        if choice.name not in value:
            message = f"missing key: {message}"
        elif isinstance(word, str):
            message += did_you_mean(word, (known for known in choice.allowed if isinstance(known, str)))
        return [self._problem((*choice.path, choice.name), message)]

    def _worded(self, details: _Details) -> Iterator[Problem]:
        kinds: dict[Path_, list[str]] = {}
        choices: dict[Path_, list[ErrorDetails]] = {}
        others: _Details = []
        for path, detail in details:
            if detail["type"] in _KINDS:
                kinds.setdefault(path, []).append(_KINDS[detail["type"]])
            elif detail["type"] in _CHOICES:
                choices.setdefault(path, []).append(detail)
            else:
                others.append((path, detail))
        for path, detail in others:
            yield self._problem(path, self._message(path, detail), at_key=_is_key(detail))
        for path, found in choices.items():
            yield self._problem(path, _not_among(found, kinds.get(path, [])), at_key=_is_key(found[0]))
        # Several members of a union may report problems. The problem at the longest path is the closest to the
        # document.
        covered = [*kinds, *choices, *(path for path, _ in others)]
        for path, expected in kinds.items():
            if path not in choices and not any(other[: len(path)] == path for other in covered if other is not path):
                yield self._problem(path, self._mismatch(path, expected))

    def _problem(self, path: Path_, message: str, *, at_key: bool = False) -> Problem:
        return self._document.problem((*self._block, *path), message, at_key=at_key)

    def _path(self, detail: ErrorDetails) -> Path_:
        """The path in the value. The names of union members in pydantic's location are left out."""
        path: list[str | int] = []
        value = self._value
        for part in detail["loc"][1:]:
            if holds(value, part):
                value = value[part]
                path.append(part)
        return (*path, detail["loc"][-1]) if detail["type"] == "missing" else tuple(path)

    def _message(self, path: Path_, detail: ErrorDetails) -> str:
        kind, rule = detail["type"], detail.get("ctx", {})
        if kind == _UNKNOWN_KEY:
            return "unknown key" + did_you_mean(str(path[-1]), self._keys(path[:-1]))
        if kind not in _RULES:
            return detail["msg"][:1].lower() + detail["msg"][1:]
        is_duration = kind in _BOUNDS and isinstance(_at(self._value, path), str)
        return _RULES[kind](rule) + (" seconds" if is_duration else "")

    def _keys(self, path: Path_) -> set[str]:
        return _fields(self._hint, path) | (set() if path else self._reserved)

    def _mismatch(self, path: Path_, expected: list[str]) -> str:
        value, written = _at(self._value, path), self._document.written((*self._block, *path))
        found = f"found {_found(value, written)}"
        if written and "${" in written:
            found = f"found another value in {quoted(written)}"
        elif "text" in expected and isinstance(value, bool | int | float):
            found += f': quote it, "{_found(value, written)}"'
        kinds, keys = dict.fromkeys(expected), _fields(self._hint, path)
        if len(kinds) > 1 and len(keys) == 1:  # a short form, such as `{record: 5}`: the key says what it is for
            kinds = dict.fromkeys(f"{kind} with {min(keys)}" if kind == "a mapping" else kind for kind in kinds)
        return f"expected {either(kinds)}, {found}"


def _not_among(details: list[ErrorDetails], kinds: list[str]) -> str:
    """The message for a value that is not allowed: it lists the choices of each member of a union, and other types."""
    listed = [detail["ctx"]["expected"] for detail in details]
    word = details[0]["input"]
    known = re.findall("'([^']*)'", " ".join(listed))
    advice = did_you_mean(word, known) if isinstance(word, str) else ""
    return f"must be {' or '.join(dict.fromkeys((*listed, *kinds)))}{advice}"


def _choice(value: Json) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _found(value: Json, written: str | None) -> str:
    """A value as written in the file. The value of a variable is not shown, because it may be a secret."""
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value) if written is None else written
    return quoted(text) if isinstance(value, str) else text[:60]


def _at(value: Json, path: Path_) -> Json:
    for part in path:
        value = value[part]
    return value


def _is_key(detail: ErrorDetails) -> bool:
    return detail["type"] == _UNKNOWN_KEY or detail["loc"][-1:] == ("[key]",)


def _pattern(pattern: str) -> str:
    return PATTERN_WORDS.get(pattern, f"text that matches {pattern}")


def _fields(hint: Any, path: Path_) -> set[str]:
    """The keys that the mapping at `path` may have, if a dataclass defines them."""
    if dataclasses.is_dataclass(hint):
        types = hints(hint)  # type: ignore[arg-type]
        return _fields(types.get(str(path[0])), path[1:]) if path else set(types)
    if get_origin(hint) is Annotated:
        return _fields(hint.__origin__, path)
    further = path if get_origin(hint) in (Union, UnionType) else path[1:]
    if path or get_origin(hint) in (Union, UnionType):
        return set().union(*(_fields(member, further) for member in get_args(hint)))
    return set()
