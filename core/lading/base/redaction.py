"""What is not to be shown while a command runs: secrets that were revealed to a plugin, and the values of variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Masked = TypeVar("Masked")

_SHORTEST = 6  # characters: to mask `1` or `true` would hide nothing and garble all

_open: list[Hidden] = []


class Hidden:
    """The texts that one session hides. Until it is closed they are hidden from what plugins print, too."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        _open.append(self)

    def close(self) -> None:
        _open.remove(self)

    def hide(self, secret: str) -> None:
        """Mask this value from now on."""
        if secret:
            self._shown[secret] = "***"

    def hide_variables(self, variables: Mapping[str, str]) -> None:
        """Show the values of variables as the manifest refers to them; one that is too short to be a secret stays."""
        for name, value in variables.items():
            if len(value) >= _SHORTEST:
                self._shown.setdefault(value, f"${{{name}}}")

    def masked(self, value: Masked) -> Masked:
        """A text, or JSON with texts in it, without what must be hidden; of two such values the longer goes first."""
        if not self._shown:
            return value
        if isinstance(value, str):
            for secret in sorted(self._shown, key=len, reverse=True):
                value = value.replace(secret, self._shown[secret])  # type: ignore[assignment]
        elif isinstance(value, Mapping):
            return {name: self.masked(item) for name, item in value.items()}  # type: ignore[return-value]
        elif isinstance(value, list | tuple):
            return type(value)(map(self.masked, value))  # type: ignore[return-value]
        return value


def masked(text: str) -> str:
    """The text without what the open sessions hide."""
    for hidden in _open:
        text = hidden.masked(text)
    return text
