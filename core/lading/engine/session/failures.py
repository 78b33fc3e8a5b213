"""Failures without secrets: their words, and those of every exception that they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from ...errors import ManifestError

Mask = Callable[[str], str]

_TEXTS = ("message", "hint", "filename", "strerror")
"""Where the exceptions of ours and of the system have words beside their arguments."""


def mask(error: BaseException, masked: Mask) -> None:
    """Mask the texts of an exception, and of all that a traceback would show with it."""
    for each in _chain(error):
        each.args = tuple(masked(part) if isinstance(part, str) else part for part in each.args)
        for name in _TEXTS:
            text = getattr(each, name, None)
            if isinstance(text, str):
                with suppress(AttributeError):  # a property of somebody's own, made of what is masked already
                    setattr(each, name, masked(text))
        if isinstance(each, ManifestError):
            each.problems = tuple(problem._replace(message=masked(problem.message)) for problem in each.problems)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]
