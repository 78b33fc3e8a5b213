"""The part of JSON Patch that the SDK uses."""

from __future__ import annotations

import copy
from typing import Any

from .messages import WrongShape
from .state import Record


def patched(record: Record, patch: Any, editable: tuple[str, ...]) -> Record:
    """A patched copy of the record. Raises WrongShape if the patch changes a field that is not editable."""
    if not isinstance(patch, list) or not patch:
        raise WrongShape("a patch is a list of operations")
    record = copy.deepcopy(record)
    for step in patch:
        if not isinstance(step, dict) or step.get("op") not in ("replace", "add", "remove") or "path" not in step:
            raise WrongShape(f"no operation of a patch: {step!r}")
        _apply(record, step, editable)
    return record


def touched(patch: list[Record]) -> set[str]:
    """The first parts of the paths."""
    return {step["path"].split("/")[1] for step in patch}


def _apply(record: Record, step: Record, editable: tuple[str, ...]) -> None:
    _, *above, last = step["path"].split("/")
    if (*above, last)[0] not in editable:
        raise WrongShape(f"{step['path']} cannot be changed")
    place = record
    for name in above:
        place[name] = place.get(name) or {}
        place = place[name]
    if step["op"] == "remove":
        place.pop(last, None)
    elif "value" not in step:
        raise WrongShape(f"a patch of {step['path']} without a value")
    else:
        place[last] = step["value"]
