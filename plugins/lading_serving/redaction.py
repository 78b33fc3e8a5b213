"""Redaction of a worker's secret values in its log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

_SHORTEST = 6  # minimum length of a value to hide


class Redaction:
    """Replaces each value by `${NAME}`, with the same rules as the command that deploys."""

    def __init__(self, hidden: Mapping[str, str]) -> None:
        shown = {form: f"${{{name}}}" for name, value in hidden.items() for form in _forms(value)}
        self._shown = dict(sorted(shown.items(), key=lambda item: len(item[0]), reverse=True))

    def __bool__(self) -> bool:
        return bool(self._shown)

    def masked(self, text: str) -> str:
        """The text with the values masked. Longer values are replaced first, because they may contain shorter ones."""
        for value, name in self._shown.items():
            text = text.replace(value, name)
        return text


def _forms(value: str) -> Iterator[str]:
    """The forms in which a value appears: whole or one of its lines, each plain, in a repr, in JSON, and between the
    single quotes of YAML or SQL.
    """
    for part in map(str.strip, (value, *value.splitlines())):
        if len(part) >= _SHORTEST:
            yield from (part, repr(part)[1:-1], json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1])
            yield part.replace("'", "''")
