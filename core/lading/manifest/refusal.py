"""Check one value against one field of another plugin's options type."""

from __future__ import annotations

import json

from ..model import Json, Options
from .check import check
from .compose import compose
from .document import load
from .typed import convert


def refusal(options: type[Options], field: str, value: Json, written: Json) -> str | None:
    """The reason why a field of an options type rejects a value. None if it accepts the value.

    `written` is the value with `${NAME}` as in the manifest, for the message.
    """
    document = load(compose(json.dumps({field: written}), ""), "")
    converted = convert(options, {field: value}, {field: written})
    problems = check(options, converted, document, (), reserved=())
    return next((found.message for found in problems if found.path.partition(".")[0] == field), None)
