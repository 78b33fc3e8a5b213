"""One value against one field of an options type that is not its own."""

from __future__ import annotations

import json

from ..model import Json, Options
from .check import check
from .compose import compose
from .document import load


def refusal(options: type[Options], field: str, value: Json, written: Json) -> str | None:
    """Why a field of an options type does not take a value, None where it does; `written` is the value with `${NAME}`
    as the manifest has it, to be shown.
    """
    document = load(compose(json.dumps({field: written}), ""), "")
    problems = check(options, {field: value}, document, (), reserved=())
    return next((found.message for found in problems if found.path.partition(".")[0] == field), None)
