"""Secrets that were revealed in this process, masked wherever text leaves it: events, failures, tracebacks."""

from __future__ import annotations

_secrets: set[str] = set()


def hide(secret: str) -> None:
    """Mask this value from now on."""
    if secret:
        _secrets.add(secret)


def masked(text: str) -> str:
    """The text, with `***` for every hidden value; one that holds another is replaced first."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
