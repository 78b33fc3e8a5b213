"""Redact secrets in failures: in their texts, and in those of all their causes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from ...errors import ManifestError

Redact = Callable[[str], str]

_TEXTS = ("message", "hint", "filename", "strerror")
"""The attributes with texts in exceptions of Lading and of the system, besides their arguments."""


def redact(error: BaseException, redacted: Redact) -> None:
    """Redact the texts of an exception, and of all exceptions that its traceback shows."""
    for each in _chain(error):
        each.args = tuple(redacted(part) if isinstance(part, str) else part for part in each.args)
        for name in _TEXTS:
            text = getattr(each, name, None)
            if isinstance(text, str):
                with suppress(AttributeError):  # a read-only property, computed from texts that are already redacted
                    setattr(each, name, redacted(text))
        if isinstance(each, ManifestError):
            each.problems = tuple(problem._replace(message=redacted(problem.message)) for problem in each.problems)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]
