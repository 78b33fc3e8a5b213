"""An answer that comes later. Meanwhile, the loop serves other connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from .messages import Request, Response


class Turn(Protocol):
    """One that does a part of its work when its turn comes."""

    def take_turn(self) -> None: ...

    def fail(self) -> None: ...


class Later:
    """The answer to one request. `cancel` is called if its client leaves before."""

    def __init__(self) -> None:
        self.response: Response | None = None
        self.cancel: Callable[[], None] = _nothing
        self._receive: Callable[[Response], None] | None = None

    def then(self, receive: Callable[[Response], None]) -> None:
        """Call `receive` with the answer."""
        self._receive = receive

    def give(self, response: Response) -> None:
        """Give the answer. Before `then`, it is kept in `response`."""
        self.response = response
        if self._receive:
            self._receive(response)


Answering: TypeAlias = Callable[[Request], Response | Later]
"""Answers a request at once or later."""


def _nothing() -> None:
    pass
