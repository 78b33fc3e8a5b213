"""Describe the options of a plugin for people: every field in plain words, including those of nested records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..model import Json
from .words import PATTERN_WORDS, REFERENCE

_Schema = Mapping[str, Any]

_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_PLURALS = {kind: f"{kind}s" for kind in ("whole number", "number", "path", "mapping", "list")}

_LIMITS = {
    "minimum": "at least {:.15g}",
    "exclusiveMinimum": "more than {:.15g}",
    "maximum": "at most {:.15g}",
    "exclusiveMaximum": "less than {:.15g}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}
_EASY: Mapping[tuple[str, Json], tuple[str, ...]] = {("minLength", 0): (), ("minLength", 1): ("not empty",)}


@dataclass(frozen=True, kw_only=True)
class OptionField:
    """A field of the options of a plugin.

    `option` is its name with dots: `routes[].to` is a field of each item of a list, `env.NAME` a value of a mapping.
    `allowed` has the limits of its value, or all values; `meaning` begins with the record that it belongs to, if an
    option takes one of several.
    """

    option: str
    type: str
    required: bool
    default: Json
    allowed: str
    meaning: str


def option_fields(schema: _Schema) -> tuple[OptionField, ...]:
    """The fields of options, from their JSON Schema. The fields of a nested record follow the option that holds it."""
    return tuple(_Opening(schema.get("$defs", {})).fields(schema))


class _Opening:
    """Lists the fields of the records in a schema. A record that contains itself is listed once."""

    def __init__(self, definitions: _Schema) -> None:
        self._definitions = definitions
        self._open: dict[int, str] = {}

    def fields(self, schema: _Schema) -> Iterator[OptionField]:
        (record,) = self._variants(schema)
        yield from self._record(record, "", "")

    def _record(self, record: _Schema, place: str, whose: str, without: str = "") -> Iterator[OptionField]:
        if id(record) in self._open:
            again = f"{whose}the fields of {self._open[id(record)] or 'the block'} again"
            yield OptionField(option=f"{place}…", type="", required=False, default=None, allowed="", meaning=again)
            return
        self._open[id(record)] = place.rstrip(".")
        for name, field in record.get("properties", {}).items():
            if name != without:
                yield self._field(field, f"{place}{name}", whose, required=name in record.get("required", ()))
                yield from self._within(field, f"{place}{name}")
        del self._open[id(record)]

    def _field(self, field: _Schema, option: str, whose: str, *, required: bool) -> OptionField:
        variants = self._variants(field)
        return OptionField(
            option=option,
            type=self._kinds(variants),
            required=required,
            default=field.get("default"),
            allowed="; ".join(dict.fromkeys(text for variant in variants for text in self._limits(variant))),
            meaning=whose + " ".join(str(field.get("description", "")).split()),
        )

    def _within(self, schema: _Schema, place: str) -> Iterator[OptionField]:
        """The fields of the records in a value."""
        variants = self._variants(schema)
        records = [variant for variant in variants if "properties" in variant]
        tag = _tag(records) if len(records) > 1 else ""
        if tag:
            yield self._tag_field(records, tag, f"{place}.{tag}")
        for record in records:
            whose = f"{_label(record, tag)}: " if len(records) > 1 else ""
            yield from self._record(record, f"{place}.", whose, without=tag)
        for variant in variants:
            for part, inner in _parts(variant):
                yield from self._within(inner, f"{place}{part}")

    def _tag_field(self, records: list[_Schema], tag: str, option: str) -> OptionField:
        """The literal field that distinguishes the records of an option, with the values of all records."""
        choices = [choice for record in records for choice in _choices(record["properties"][tag])]
        required = all(tag in record.get("required", ()) for record in records)
        return self._field({**records[0]["properties"][tag], "enum": choices}, option, "", required=required)

    def _variants(self, schema: _Schema) -> list[_Schema]:
        """The types that a value may have. An absent value and a variable are always possible, so they are left out."""
        if "$ref" in schema:
            return self._variants(self._definitions[schema["$ref"].rpartition("/")[2]])
        members = schema.get("anyOf") or schema.get("oneOf")
        if members and "enum" not in schema:
            return [variant for member in members for variant in self._variants(member)]
        return [] if schema.get("pattern") == REFERENCE or schema.get("type") == "null" else [schema]

    def _kinds(self, variants: list[_Schema], names: Mapping[str, str] | None = None) -> str:
        kinds = dict.fromkeys(map(self._kind, variants))
        return " or ".join((names or {}).get(kind, kind) for kind in kinds) or "any value"

    def _kind(self, schema: _Schema) -> str:
        kind = schema.get("type")
        if kind in ("array", "object"):
            word, joint = ("list", " of ") if kind == "array" else ("mapping", " to ")
            inner = [item for part, item in _parts(schema) if part in ("[]", ".NAME")]
            kinds = self._kinds(self._variants(inner[0]), _PLURALS) if inner else ""
            return f"{word}{joint}{kinds}" if kinds and kinds != "any value" else word
        if kind is None and (choices := _choices(schema)):
            return " or ".join(dict.fromkeys(_kind_of(choice) for choice in choices))
        return "path" if schema.get("format") == "path" else _KINDS.get(str(kind), "any value")

    def _limits(self, schema: _Schema) -> Iterator[str]:
        """The limits of a value, and those of the items of a list, and of the names and values of a mapping."""
        if choices := _choices(schema):
            yield " | ".join(choice if isinstance(choice, str) else json.dumps(choice) for choice in choices)
        yield from _bounds(schema)
        if "pattern" in schema:
            yield _pattern(schema["pattern"])
        yield from (f"names: {_pattern(pattern)}" for pattern in schema.get("patternProperties", ()))
        for variant in self._variants(schema["propertyNames"]) if "propertyNames" in schema else ():
            yield from (f"names: {limit}" for limit in self._limits(variant))
        for _, inner in _parts(schema):
            for variant in self._variants(inner):
                yield from () if "properties" in variant else self._limits(variant)


def _bounds(schema: _Schema) -> Iterator[str]:
    """The bounds of a number, of a length or of a list. An `InputPath` is never empty, so its bound is left out."""
    if schema.get("exists"):
        yield "must exist"
        return
    fixed = "prefixItems" in schema
    for name, text in _LIMITS.items():
        if name in schema and not (fixed and name.endswith("Items")):
            yield from _EASY.get((name, schema[name]), (text.format(schema[name]),))


def _pattern(pattern: str) -> str:
    return PATTERN_WORDS.get(pattern, f"text that matches {pattern}")


def _parts(schema: _Schema) -> Iterator[tuple[str, _Schema]]:
    """The schemas of the items of a list or a mapping, each with the suffix of its field name."""
    if isinstance(items := schema.get("items"), dict):
        yield "[]", items
    yield from ((f"[{index}]", item) for index, item in enumerate(schema.get("prefixItems", ())))
    values = (schema.get("additionalProperties"), *schema.get("patternProperties", {}).values())
    yield from ((".NAME", item) for item in values if isinstance(item, dict))


def _tag(records: list[_Schema]) -> str:
    """The literal field that all of these records have; empty if there is none."""
    first, *others = (record["properties"] for record in records)
    shared = (name for name in first if all(name in other and _choices(other[name]) for other in (first, *others)))
    return next(shared, "")


def _label(record: _Schema, tag: str) -> str:
    if not tag:
        return f"as {record.get('title', 'a mapping')}"
    return f"if {tag} is {' or '.join(map(str, _choices(record['properties'][tag])))}"


def _choices(schema: _Schema) -> list[Json]:
    """All values that a schema lists; none if it lists none."""
    if "const" in schema or "enum" in schema:
        return list(schema.get("enum", [schema.get("const")]))
    members = [member for member in schema.get("anyOf", ()) if member.get("pattern") != REFERENCE]
    found = [_choices(member) for member in members]
    return [choice for choices in found for choice in choices] if all(found) else []


def _kind_of(value: Json) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "whole number" if isinstance(value, int) else "number"
