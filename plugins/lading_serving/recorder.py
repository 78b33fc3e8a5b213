"""Count and log the requests of a worker. A request costs some writes to memory, and a log line that is sent later."""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from types import MappingProxyType
from typing import NamedTuple

from .access import AccessLog
from .board import (
    IN_FLIGHT,
    LATENCY,
    LATENCY_SUM,
    LOAD,
    OTHER,
    PID,
    QUEUED,
    RECEIVED,
    RUN,
    RUN_SUM,
    SCORING,
    SECONDS,
    SENT,
    SUMS,
    TIME_CELLS,
    Board,
    table_cell,
)
from .messages import Refused, Request, Response

_MOST_KNOWN = 256  # kinds of requests that are looked up quickly


class Place(NamedTuple):
    """The slot of a worker on a board."""

    board: Board
    slot: int


def own_place(facts: Mapping[str, str] = MappingProxyType({})) -> Place:
    """A place on a board that only this process sees, for a server without a supervisor."""
    board = Board()
    return Place(board, board.add_slot(board.add_release(facts)))


class Recorder:
    """Records the requests of one worker.

    The contract sets facts about the request that it answers: `request_id`, as one word, and `trace_id`; `group`, which
    is SCORING for the scoring script; `run`, its seconds; `is_silent` if it is neither counted nor logged. These
    are attributes because each call counts in the time of a request.
    """

    def __init__(self, place: Place | None = None, log: AccessLog | None = None) -> None:
        self.board, self._slot = place or own_place()
        self.request_id = self.trace_id = ""
        self._log = log
        self._numbers, self._floats = self.board.numbers, self.board.floats
        self.group = OTHER
        self._known: dict[tuple[int, str, str, int], tuple[int, str]] = {}
        self._run_cells, self._flight = self._slot + RUN, self._slot + IN_FLIGHT
        self._latency_cells = [self._slot + LATENCY + group * TIME_CELLS for group in (OTHER, SCORING)]
        self._queued = 0
        self.run = -1.0  # seconds of `run` in this request
        self.is_silent = False
        self._pack = partial(struct.Struct("=QdddQQ").pack_into, self.board.memory, 8 * (self._slot + SUMS))
        first = self._slot + LATENCY_SUM
        self._latency: list[float] = list(map(float, self._floats[first : first + 2]))
        self._runs = self._floats[self._slot + RUN_SUM]
        self._received, self._sent = self._numbers[self._slot + RECEIVED], self._numbers[self._slot + SENT]
        self._numbers[self._slot + PID] = os.getpid()
        self._numbers[self._slot + IN_FLIGHT] = self._numbers[self._slot + QUEUED] = 0

    def loaded(self, seconds: float) -> None:
        """Record the time that the scoring script took to be imported and initialised."""
        self._floats[self._slot + LOAD] = seconds

    def queue(self, length: int) -> None:
        """Record the number of connections that wait for their turn."""
        if length != self._queued:
            self._numbers[self._slot + QUEUED] = self._queued = length

    def recording(self, answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        """Record each request before its answer is sent, so that a client that has it finds it counted."""

        def recorded(request: Request) -> Response:
            started = self.begin()
            response = answer(request)
            self.end(request, response, started)
            return response

        return recorded

    def refusing(self, refuse: Callable[[Request, Refused], Response]) -> Callable[[Request, Refused], Response]:
        """Record each refusal too."""
        return lambda request, refusal: self.recording(lambda asked: refuse(asked, refusal))(request)

    def begin(self) -> float:
        """Begin to answer a request. Returns the time for `end`."""
        self._numbers[self._flight] = 1
        self.group, self.is_silent = OTHER, False
        self.request_id = self.trace_id = ""
        return perf_counter()

    def end(self, request: Request, response: Response, started: float) -> None:
        """Record an answered request."""
        if self.is_silent:
            self._numbers[self._slot + IN_FLIGHT], self.run = 0, -1.0
            return
        self._received += len(request.body)
        if (run := self.run) >= 0:
            self._numbers[self._run_cells + bisect_left(SECONDS, run)] += 1
            self._runs += run
            self.run = -1.0
        method = request.method
        self._record(method, request.path, response.status, len(response.body) if method != "HEAD" else 0, started)

    def refused(self, response: Response) -> None:
        """Record the answer to bytes that are not a request."""
        self._record("other", "-", response.status, len(response.body), self.begin())

    def flush(self) -> None:
        """Send the lines of the log that were not sent yet."""
        if self._log:
            self._log.flush()

    def _record(self, method: str, path: str, status: int, sent: int, started: float) -> None:
        group, numbers, log = self.group, self._numbers, self._log
        now = perf_counter()
        seconds = now - started
        try:
            cell, words = self._known[group, method, path, status]
        except KeyError:
            cell, words = self._look_up(group, method, path, status)
        numbers[cell] += 1
        numbers[self._latency_cells[group] + bisect_left(SECONDS, seconds)] += 1
        self._latency[group] += seconds
        self._sent += sent
        self._pack(0, *self._latency, self._runs, self._received, self._sent)
        if log:
            ids = self.request_id or "-"
            log.note(words, now, seconds, sent, ids + log.trace(self.trace_id) if self.trace_id else ids)

    def _look_up(self, group: int, method: str, path: str, status: int) -> tuple[int, str]:
        """The cell of a kind of request, and its words in the log. Clients choose paths, and scripts statuses."""
        cell = self._slot + table_cell(group, method, status)
        found = cell, self._log.words(method, path, status) if self._log else ""
        if len(self._known) < _MOST_KNOWN:
            self._known[group, method, path, status] = found
        return found
