"""Find which inputs of a stage have changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ...manifest.references import expand_all, names
from ...model import Json
from ...model.planning import Change
from ..stages import cache_keys as keys

if TYPE_CHECKING:
    from ..session.session import Session

_ROTATED = "secret changed"

Flat = Mapping[tuple[str, ...], Json]


def changes(
    session: Session, stage_inputs: keys.Inputs, last: keys.Made | None, block: str, rotated: Sequence[str] = ()
) -> tuple[Change, ...]:
    """The differences between the current inputs and those of the stage's last output, as far as both are known.

    `block` is the dotted path of the stage's options in the manifest. `rotated` are variables that are known to have
    another value.
    """
    if last is None:
        return tuple(map(_rotated, rotated))
    return compared(stage_inputs.stage, last, stage_inputs.record, block, session.order.environ, rotated=rotated)


def asked_for(stage_inputs: keys.Inputs, block: str) -> tuple[Change, ...]:
    """The options of a service or stage that does not exist yet."""
    options = _flat({"options": stage_inputs.record.get("options", {})})
    return tuple(Change(field=_label(path, block), old=None, new=value) for path, value in options if len(path) > 1)


def reason(last: keys.Made | None, changed: Sequence[Change], waits: str) -> str:
    """Why a stage that is not reused will run, or can run. Empty if its inputs do not show the reason."""
    if last is None:
        return "for the first time"
    if changed:
        return "its inputs changed"
    return f"known after {waits}; may be reused" if waits else ""


def compared(
    stage: str,
    last: keys.Made,
    new: Mapping[str, Json],
    block: str,
    environ: Mapping[str, str],
    *,
    rotated: Sequence[str] = (),
) -> tuple[Change, ...]:
    """The differences between the inputs of a stage's output and other inputs, in the parts that both have."""
    if last.record is None:
        return tuple(map(_rotated, rotated))
    before, after = _common(last.record, new), _common(new, last.record)
    changed = [
        Change(field=_label(path, block), old=before.get(path), new=after.get(path), note=_note(path))
        for path in dict.fromkeys((*before, *after))
        if _text(before, path) != _text(after, path)
    ]
    if rotated:
        changed += _secrets(before, after, block, rotated)
    elif _has_other_values(stage, last.key, last.record, environ):
        same = (path for path in after if _text(before, path) == _text(after, path))
        changed += [
            Change(field=_label(path, block), old=after[path], new=after[path], note="the value of a variable")
            for path in same
            if "options" in path[:2] and any(names(after[path]))
        ]
    return tuple(changed)


def _secrets(before: Flat, after: Flat, block: str, rotated: Sequence[str]) -> Iterator[Change]:
    """A line for each option that refers to a rotated variable or names it, and for each variable without an option."""
    users = {path: {*names(value), str(value)} & {*rotated} for path, value in after.items() if "options" in path[:2]}
    for path, used in users.items():
        if used and _text(before, path) == _text(after, path):
            yield Change(field=_label(path, block), old=after[path], new=after[path], note=_ROTATED)
    yield from map(_rotated, sorted({*rotated}.difference(*users.values())))


def _rotated(name: str) -> Change:
    return Change(field=name, note=_ROTATED)


def _note(path: tuple[str, ...]) -> str:
    return "content" if "inputs" in path[:2] or path[0] == "reads" else ""


def _has_other_values(stage: str, key: str, record: Mapping[str, Json], environ: Mapping[str, str]) -> bool:
    """Whether a variable has changed: the old inputs with the current values have another cache key.

    Values are not stored. So with several variables, the changed one is not known.
    """
    written = {name: record[name] for name in ("options", "image") if name in record}
    return keys.key(stage, **{**record, **expand_all(written, environ, lambda _path, _message: None)}) != key


def _common(record: Mapping[str, Json], other: Mapping[str, Json]) -> Flat:
    """The values of the parts that both records have, by their paths."""
    return dict(_flat({name: part for name, part in record.items() if name in other}))


def _flat(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _flat(item, (*path, name))
    elif value != {} or len(path) > 1:  # an empty part counts as absent
        yield path, value


def _text(values: Flat, path: tuple[str, ...]) -> str | None:
    """The value at a path as its cache key sees it, or None."""
    return json.dumps(values[path], sort_keys=True) if path in values else None


def _label(path: tuple[str, ...], block: str) -> str:
    if path[0] == "image" and path[1] in ("options", "inputs"):
        return _label(path[1:], "image")
    if path[0] == "reads":
        return path[1]
    return ".".join(filter(None, (block, *path[1:])) if path[0] in ("options", "inputs") else path)
