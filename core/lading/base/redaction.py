"""Redaction of secrets that plugins requested, and of values of variables, while a command runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeVar

Value = TypeVar("Value")

SHORTEST = 6
"""Minimum length of a secret in characters. Redaction of a shorter text, such as `1` or `true`, protects nothing and
damages other words.
"""

_open: list[Hidden] = []


def forms(secret: str) -> Iterator[str]:
    """The forms in which a secret appears: whole or one of its lines, each plain, in a repr, in JSON, and between the
    single quotes of YAML or SQL.
    """
    for part in map(str.strip, (secret, *secret.splitlines())):
        if len(part) >= SHORTEST:
            yield from (part, repr(part)[1:-1], json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1])
            yield part.replace("'", "''")


class Hidden:
    """The texts that a session hides. Until it is closed, they are also hidden in the output of plugins."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        _open.append(self)

    def close(self) -> None:
        _open.remove(self)

    def hide(self, secret: str) -> None:
        """Redact this value and each of its lines from now on. Texts shorter than `SHORTEST` are not redacted."""
        self._add(self._shown | dict.fromkeys(forms(secret), "***"))

    def hide_variables(self, variables: Mapping[str, str]) -> None:
        """Replace the values of variables by their references in the manifest."""
        found = {form: f"${{{name}}}" for name, value in variables.items() for form in forms(value)}
        self._add(found | self._shown)

    def _add(self, shown: Mapping[str, str]) -> None:
        """Add texts to hide. Longer texts are replaced first, because they may contain shorter ones."""
        self._shown = dict(sorted(shown.items(), key=lambda item: len(item[0]), reverse=True))

    def redacted(self, value: Value) -> Value:
        """A text, or JSON with texts in it, with secrets redacted."""
        if not self._shown:
            return value
        if isinstance(value, str):
            for secret, shown in self._shown.items():
                value = value.replace(secret, shown)  # type: ignore[assignment]
        elif isinstance(value, Mapping):
            return {name: self.redacted(item) for name, item in value.items()}  # type: ignore[return-value]
        elif isinstance(value, list | tuple):
            return type(value)(map(self.redacted, value))  # type: ignore[return-value]
        return value


def redacted(text: str) -> str:
    """The text with the secrets of all open sessions redacted."""
    for hidden in _open:
        text = hidden.redacted(text)
    return text
