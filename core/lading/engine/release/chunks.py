"""Send many rows to a service: in chunks, several at once, and with each answer matched to its row by position."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ...errors import BadInput, StageFailed, Transient
from ...model import Json
from .scoring import Answer, encode

_OWN_PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds; the pauses after which a chunk is sent again
_SHORTEST_PAUSE = 0.1  # seconds, if the service asks for less
_PASSING = frozenset((408, 425, 429, 502, 503, 504))
_NOT_ABOUT_ROWS = frozenset((401, 403, 404, 405, 407, 411, 415))
_HOPELESS = 200  # rows that fail one by one before any row is answered
_LONGEST_REASON = 300
_NEXT = "run the same command again: it goes on; --rows makes smaller requests"


class RowAnswer(NamedTuple):
    """The answer of one row. `failure` is the reason why it has none; empty if it has one."""

    value: Json
    failure: str = ""


class _Refused(Exception):
    """The service did not answer a chunk, and one of its rows can be the cause."""


@dataclass
class Sender:
    """Sends rows to a service. `ask` sends one request; `size` is the number of rows per request.

    `limit` is the time in seconds that a chunk may wait for a service that asks to come back later. `answered` says
    whether the service has answered any row.
    """

    ask: Callable[[bytes], Answer]
    size: int
    parallel: int
    limit: float
    answered: bool = False

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._failed = 0

    def answers(self, rows: Iterable[Json | RowAnswer]) -> Iterator[list[RowAnswer]]:
        """The answers of all rows in their order, a chunk at a time. A few chunks are in memory at once.

        A row that is an answer already is not sent. Raises Transient if the service stops answering, and StageFailed if
        no row can be answered or if an answer does not have one item per row.
        """
        pool, waiting = ThreadPoolExecutor(self.parallel), deque[Future[list[RowAnswer]]]()
        left = iter(rows)
        try:
            while chunk := list(islice(left, self.size)):
                waiting.append(pool.submit(self._complete, chunk))
                if len(waiting) > 2 * self.parallel:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            self._stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _complete(self, chunk: list[Json | RowAnswer]) -> list[RowAnswer]:
        """The answers of a chunk, with those that it has already."""
        sent = [row for row in chunk if not isinstance(row, RowAnswer)]
        found = iter(self._answer(sent) if sent else ())
        return [row if isinstance(row, RowAnswer) else next(found) for row in chunk]

    def _answer(self, chunk: list[Json]) -> list[RowAnswer]:
        """The answers of a chunk. A refused chunk is halved until the rows are found that are the cause."""
        try:
            found = [RowAnswer(value) for value in self._ask(chunk)]
        except _Refused as error:
            if len(chunk) == 1:
                self._give_up_early(str(error))
                return [RowAnswer(None, str(error))]
            half = len(chunk) // 2
            return self._answer(chunk[:half]) + self._answer(chunk[half:])
        self.answered = True
        return found

    def _give_up_early(self, reason: str) -> None:
        self._failed += 1
        if self._failed >= _HOPELESS and not self.answered:
            raise StageFailed(
                f"the service answers no row; {self._failed} rows were sent one by one: {reason}",
                hint="compare the columns of the file with those of the model",
            )

    def _ask(self, chunk: list[Json]) -> list[Json]:
        try:
            body = encode({"data": chunk})
        except BadInput:
            raise _Refused("a value is not a finite number") from None
        pauses = _Pauses(self.limit)
        while True:
            try:
                return _values(self._send(body), len(chunk))
            except Transient as error:
                if self._stop.is_set() or self._stop.wait(pauses.after(error)):
                    raise

    def _send(self, body: bytes) -> Answer:
        """Send one request. Raises Transient, with the time that the service asks to wait, if it cannot answer now."""
        try:
            answer = self.ask(body)
        except Transient as error:
            raise Transient(error.message, hint=_NEXT, retry_after=error.retry_after) from error
        if answer.status in _PASSING:
            reason = f"the service answered {answer.status}: {_reason(answer)}"
            raise Transient(reason, hint=_NEXT, retry_after=answer.retry_after)
        return answer


class _Pauses:
    """The pauses between the requests with one chunk.

    A pause is as long as the service asks, and all of them have a time limit in seconds. If it does not ask, there are
    few pauses, each twice as long as the one before.
    """

    def __init__(self, limit: float) -> None:
        self._limit, self._end = limit, time.monotonic() + limit
        self._own = iter(_OWN_PAUSES)

    def after(self, error: Transient) -> float:
        """The seconds to wait after an error. Raises the error if the time or the number of pauses is used up."""
        if error.retry_after is None:
            pause = next(self._own, None)
            if pause is None:
                raise error
            return pause
        pause = max(_SHORTEST_PAUSE, error.retry_after)
        if time.monotonic() + pause > self._end:
            raise Transient(
                f"{error.message}; it asks to wait {pause:.3g} s, and the time limit is {self._limit:.3g} s",
                hint="run the same command again later: it goes on; --timeout gives a longer limit",
            )
        return pause


def _values(answer: Answer, count: int) -> list[Json]:
    """The answer of each row, from a list, or from a mapping of lists.

    Raises _Refused if a row can be the cause of another answer, and StageFailed for any other failure.
    """
    if answer.status == 200:
        found = answer.json()
        if isinstance(found, str):  # a script that returns json.dumps(…)
            found = Answer(200, found.encode()).json()
        if isinstance(found, dict) and found and all(_fits(item, count) for item in found.values()):
            rows = [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
            return [next(iter(row.values())) for row in rows] if len(found) == 1 else rows
        if _fits(found, count):
            return list(found)
        raise StageFailed(
            f"the service did not answer {count} rows with {count} answers: {answer.words(_LONGEST_REASON)}",
            hint="its script must return a list with one item for each row of `data`",
        )
    if answer.status < 400 or answer.status in _NOT_ABOUT_ROWS:
        raise StageFailed(
            f"the service answered {answer.status}: {_reason(answer)}", hint="`lading logs` shows its log"
        )
    raise _Refused(f"{answer.status}: {_reason(answer)}")


def _fits(found: Json, count: int) -> bool:
    return isinstance(found, list) and len(found) == count


def _reason(answer: Answer) -> str:
    """The message of an error, on one line."""
    text = answer.text()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    is_message = isinstance(found, dict) and isinstance(found.get("message"), str)
    words = found["message"] if is_message else answer.words(len(text))
    return " ".join(words.split())[:_LONGEST_REASON]
