"""Copies of requests for a canary. Its answers are compared with those that the clients have got, and then dropped."""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple, Protocol

from .choice import COPIED
from .comparing import DIFFERENT, Difference, difference
from .encoding import encoded
from .forward import Errand, Loop, Pool
from .later import Turn
from .messages import Request, Response
from .shares import Canary, Shares

_MOST_LINKS = 4
_MOST_COPIES = 64  # copies of one worker that wait or are at the canary; more are dropped
_MOST_BYTES = 256 * 1024  # of a request and its answer; it takes a few milliseconds to compare a larger one
_MOST_UNREAD = 4 * 1024 * 1024  # bytes of unfinished answers, of which the largest may exceed this
_REFUSED = 401  # without a key, nothing is copied
_RUN_TIME = "x-ms-run-fn-exec-ms"


class Turns(Loop, Protocol):
    """A loop that gives turns."""

    def wants_turn(self, turn: Turn) -> None: ...


class _Copy(NamedTuple):
    port: int
    request: Request
    response: Response
    seconds: float


class Shadow:
    """Sends copies in later turns, so the client has its answer before. Full of copies, it drops further ones."""

    def __init__(self, shares: Shares, server: Turns) -> None:
        self._shares = shares
        self._server = server
        self._copies: deque[_Copy] = deque()
        self._sent = 0  # copies at the canary
        self._pool = Pool(server, _MOST_LINKS, _MOST_COPIES * _MOST_BYTES, _MOST_UNREAD)

    def offer(self, canary: Canary, request: Request, response: Response, seconds: float) -> None:
        """Copy a request that was answered within `seconds`, if its turn comes."""
        if response.status == _REFUSED or not self._shares.copies_next(canary.shadow):
            return
        if len(request.body) + len(response.body) <= _MOST_BYTES and len(self._copies) + self._sent < _MOST_COPIES:
            self._copies.append(_Copy(canary.port, request, response, _run_time(response, seconds)))
            self._server.wants_turn(self)

    def take_turn(self) -> None:
        """Send one copy."""
        if not self._copies:
            return
        copy, started = self._copies.popleft(), time.perf_counter()

        def done(response: Response | None) -> None:
            self._sent -= 1
            if response is not None:
                seconds = _run_time(response, time.perf_counter() - started)
                self._shares.add(_difference(copy.response, response), copy.seconds, seconds)

        self._sent += 1
        self._pool.send(Errand(copy.port, encoded(copy.request, **{COPIED: "1"}), done))

    def fail(self) -> None:
        """Drop a copy that could not be sent. Its client has its answer."""

    def stop(self) -> None:
        """Drop all copies."""
        self._copies.clear()
        self._pool.abandon()


def _difference(old: Response, new: Response) -> Difference:
    """The difference of two answers. A body that is too large to compare in a turn counts as different."""
    return difference(old, new) if len(new.body) <= _MOST_BYTES else DIFFERENT


def _run_time(response: Response, measured: float) -> float:
    """The seconds in `run`, if the answer has them, because a copy also takes a way."""
    for name, value in reversed(response.headers):  # the last is that of the server
        if name == _RUN_TIME:
            return float(value) / 1000
    return measured
