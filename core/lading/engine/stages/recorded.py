"""Records keep the reference `${NAME}` from the manifest, never the value of the variable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...base.redaction import SHORTEST

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json


def with_references(value: Json, section: Section) -> Json:
    """`value` with every text and long number from a variable replaced by its reference in the manifest."""
    references = dict(_differences(section.value, section.record))
    return _replaced(value, references) if references else value


def _differences(value: Json, record: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name in value:
            yield from _differences(value[name], record[name])
    elif isinstance(value, list):
        for item, recorded in zip(value, record, strict=True):
            yield from _differences(item, recorded)
    elif value != record:
        yield value, record


def _replaced(value: Json, references: dict[str, str]) -> Json:
    if isinstance(value, dict):
        return {name: _replaced(item, references) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, references) for item in value]
    if isinstance(value, str) or (isinstance(value, int | float) and len(str(value)) >= SHORTEST):
        return references.get(str(value), value)
    return value
