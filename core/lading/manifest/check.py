"""Values against an options type, through pydantic, in our own words."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from ..errors import PluginError, Problem
from ..model import Json
from .build import hints
from .document import Document
from .records import Path_
from .values import holds
from .words import MAX_PROBLEMS, PATTERN_WORDS, did_you_mean, either, quoted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails, SchemaValidator

_UNKNOWN_KEY = "unexpected_keyword_argument"

# What a value of the wrong kind should have been.
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

# The rules that a value of the right kind may break.
_RULES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "missing key",
    "greater_than_equal": lambda rule: f"must be at least {rule['ge']:g}",
    "greater_than": lambda rule: f"must be more than {rule['gt']:g}",
    "less_than_equal": lambda rule: f"must be at most {rule['le']:g}",
    "less_than": lambda rule: f"must be less than {rule['lt']:g}",
    "string_pattern_mismatch": lambda rule: f"must be {_pattern(rule['pattern'])}",
    "string_too_short": lambda rule: f"must have at least {rule['min_length']} characters",
    "string_too_long": lambda rule: f"must have at most {rule['max_length']} characters",
    "too_short": lambda rule: f"must have at least {rule['min_length']} items",
    "too_long": lambda rule: f"must have at most {rule['max_length']} items",
}


def check(hint: type, value: Json, document: Document, block: Path_, *, reserved: Iterable[str]) -> list[Problem]:
    """The problems of `value`, which stands at `block` in the document; `reserved` are further keys of the block.

    Raises PluginError where pydantic cannot make anything of the type.
    """
    from pydantic_core import ValidationError

    try:
        _validator(hint).validate_json(json.dumps(value))
    except ValidationError as error:
        details = error.errors(include_url=False)[: MAX_PROBLEMS + 1]
        return list(_Wording(hint, value, document, block, reserved).problems(details))
    return []


@cache
def _validator(hint: type) -> SchemaValidator:
    from pydantic import PydanticUserError, TypeAdapter
    from pydantic_core import SchemaValidator

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint)
        adapter.rebuild()
        return SchemaValidator(_without_post_init(adapter.core_schema))
    except (PydanticUserError, NameError) as error:
        raise PluginError(f"options type {hint.__module__}.{hint.__qualname__} is unusable: {error}") from error


def _without_post_init(schema: Any) -> Any:
    """The schema of a check alone: a plugin's own rules see the options that are built, never pydantic's."""
    if isinstance(schema, dict):
        return {key: _without_post_init(item) for key, item in schema.items() if key != "post_init"}
    if isinstance(schema, list | tuple):
        return type(schema)(map(_without_post_init, schema))
    return schema


class _Wording:
    """Pydantic's errors as problems of the document."""

    def __init__(self, hint: type, value: Json, document: Document, block: Path_, reserved: Iterable[str]) -> None:
        self._hint = hint
        self._value = value
        self._document = document
        self._block = block
        self._reserved = set(reserved)

    def problems(self, details: list[ErrorDetails]) -> Iterator[Problem]:
        kinds: dict[Path_, list[str]] = {}
        others: list[tuple[Path_, ErrorDetails]] = []
        for detail in details:
            path = self._path(detail)
            if detail["type"] in _KINDS:
                kinds.setdefault(path, []).append(_KINDS[detail["type"]])
            else:
                others.append((path, detail))
        for path, detail in others:
            yield self._problem(path, self._message(path, detail), at_key=_is_key(detail))
        # Each member of a union has its say: what is closest to the document is what one of them says further in.
        told = [*kinds, *(path for path, _ in others)]
        for path, expected in kinds.items():
            if not any(other[: len(path)] == path for other in told if other is not path):
                yield self._problem(path, self._mismatch(path, expected))

    def _problem(self, path: Path_, message: str, *, at_key: bool = False) -> Problem:
        return self._document.problem((*self._block, *path), message, at_key=at_key)

    def _path(self, detail: ErrorDetails) -> Path_:
        """Where in the value; pydantic's locations also name the members of unions, which are not in the document."""
        path: list[str | int] = []
        value = self._value
        for part in detail["loc"]:
            if holds(value, part):
                value = value[part]
                path.append(part)
        return (*path, detail["loc"][-1]) if detail["type"] == "missing" else tuple(path)

    def _message(self, path: Path_, detail: ErrorDetails) -> str:
        kind, rule = detail["type"], detail.get("ctx", {})
        if kind == _UNKNOWN_KEY:
            return "unknown key" + did_you_mean(str(path[-1]), self._keys(path[:-1]))
        if kind in ("literal_error", "enum"):
            choices = re.findall("'([^']*)'", rule["expected"])
            word = detail["input"] if isinstance(detail["input"], str) else ""
            return f"must be {rule['expected']}" + did_you_mean(word, choices)
        return _RULES[kind](rule) if kind in _RULES else detail["msg"][:1].lower() + detail["msg"][1:]

    def _keys(self, path: Path_) -> set[str]:
        return _fields(self._hint, path) | (set() if path else self._reserved)

    def _mismatch(self, path: Path_, expected: list[str]) -> str:
        value = _at(self._value, path)
        found = _found(value, self._document.written((*self._block, *path)))
        advice = f': quote it, "{found}"' if "text" in expected and isinstance(value, bool | int | float) else ""
        return f"expected {either(dict.fromkeys(expected))}, found {found}{advice}"


def _found(value: Json, written: str | None) -> str:
    """A value as the file has it: what a variable holds may be a secret."""
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
    """The keys that the mapping at `path` may have, where a dataclass says so."""
    if dataclasses.is_dataclass(hint):
        types = hints(hint)  # type: ignore[arg-type]
        return _fields(types.get(str(path[0])), path[1:]) if path else set(types)
    if get_origin(hint) is Annotated:
        return _fields(hint.__origin__, path)
    further = path if get_origin(hint) in (Union, UnionType) else path[1:]
    if path or get_origin(hint) in (Union, UnionType):
        return set().union(*(_fields(member, further) for member in get_args(hint)))
    return set()
