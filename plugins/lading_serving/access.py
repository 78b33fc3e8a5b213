"""The access log of a worker: one line per request, collected and sent to the supervisor without ever waiting.

The first line after a pause is sent at once. Under load, lines are sent together, because each write wakes the
supervisor. If nobody reads, lines are dropped and counted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import perf_counter
from typing import NamedTuple
from urllib.parse import quote

RATE, FORMAT = "LADING_ACCESS_LOG", "LADING_LOG_FORMAT"
"""The variables with the share of requests that are logged, from 0 to 1, and with the form of lines: text or json."""

_INTERVAL = 0.25  # seconds between two writes
_FULL = 400  # requests that are sent before the interval is over
_MOST = 4096  # requests that are kept while nobody reads
_MOST_BYTES = 64 * 1024  # of them that are ready to be sent
_LONGEST = 200  # characters of a path or an id
_DIGITS = [f"{number:03d}" for number in range(1000)]
_PLAIN = re.compile(r"[A-Za-z0-9/._~:@!$&'()*+,;=-]{1,200}").fullmatch
_NUMBER = re.compile(r"[1-9][0-9]{0,14}").fullmatch  # each program that reads JSON reads it as it is
_SAFE = "/._~:@!$&'()*+,;=-"


def variables(share: float, form: str) -> dict[str, str]:
    """The variables that ask for a share of the requests in a form."""
    return {RATE: f"{float(share):g}", FORMAT: form}


def access_log(write: Callable[[bytes], int], env: Mapping[str, str], release: str) -> AccessLog | None:
    """The log that the environment asks for; None if it asks for none."""
    rate = rate_of(env.get(RATE, "1"))
    return AccessLog(write, rate, release, as_json=env.get(FORMAT) == "json") if rate > 0 else None


def rate_of(text: str) -> float:
    """The share of requests that are logged. A text that is not a number from 0 to 1 logs every request."""
    try:
        rate = float(text)
    except ValueError:
        return 1.0
    return rate if 0 <= rate <= 1 else 1.0


class _Form(NamedTuple):
    """The constant parts of a line: `words` before the time of a request, the keys, and the end."""

    start: str
    words: str
    sent: str
    release: str
    trace: str
    end: str


_TEXT = _Form("", "Z {} {} {} ms=", " bytes=", " release={} id=", " trace=", "\n")
_JSON = _Form(
    '{"time": "',
    'Z", "method": "{}", "path": "{}", "status": {}, "ms": ',
    ', "bytes": ',
    ', "release": {}, "id": "',
    '", "trace": "',
    '"}\n',
)
"""Paths and ids are words without quotes, so they need no escapes."""


class AccessLog:
    """Calls `write`, which never waits: it returns 0, or raises OSError, if nobody reads.

    Of a `rate` below 1, every so many requests are logged, evenly.
    """

    def __init__(self, write: Callable[[bytes], int], rate: float, release: str, *, as_json: bool) -> None:
        self._write = write
        self._rate = rate
        self._share = 1.0 - rate  # so that the first request is logged
        self._form = _JSON if as_json else _TEXT
        self._start, self._end = self._form.start, self._form.end
        label = clean(release)
        self._after = self._form.release.format(f'"{label}"' if as_json and not _NUMBER(label) else label)
        self._before = self._form.sent
        self._lines: list[str] = []
        self._rest = b""  # lines that were not read yet
        self._dropped = 0
        self._second, self._stamp = 0, ""
        self._sent_at = -1.0
        self._offset = time.time() - perf_counter()

    def words(self, method: str, path: str, status: int) -> str:
        """The part of a line that requests of one kind share."""
        return self._form.words.format(method, clean(path), status)

    def trace(self, trace_id: str) -> str:
        """The part of a line with the id of a trace, which follows the id of the request."""
        return self._form.trace + trace_id

    def note(self, words: str, now: float, seconds: float, sent: int, ids: str) -> None:
        """Log one request that was answered at a time of `perf_counter`. `ids` is one word, and perhaps a trace."""
        if self._rate < 1:
            self._share += self._rate
            if self._share < 1 - 1e-9:
                return
            self._share -= 1
        if len(self._lines) >= _MOST:
            self._dropped += 1
            return
        at, micros = now + self._offset, int(seconds * 1e6)
        if (second := int(at)) != self._second:
            self._next_second(second)
        self._lines.append(
            f"{self._start}{self._stamp}{_DIGITS[int(at * 1000) % 1000]}{words}{micros // 1000}"
            f".{_DIGITS[micros % 1000]}{self._before}{sent}{self._after}{ids}{self._end}"
        )
        if len(self._lines) >= _FULL or now - self._sent_at >= _INTERVAL:
            self.flush()

    def flush(self) -> None:
        """Send all lines, as far as they are read."""
        if not (self._lines or self._rest):
            return
        self._sent_at = now = perf_counter()
        self._offset = time.time() - now  # the clock may have been set
        if len(self._rest) < _MOST_BYTES:
            self._rest += "".join(self._lines).encode()
            self._lines.clear()
            if self._dropped:
                self._rest += f"{self._dropped} requests are not in this log: nobody read it\n".encode()
                self._dropped = 0
        with suppress(OSError):  # nobody reads now, or the supervisor is gone
            while self._rest and (written := self._write(self._rest)):
                self._rest = self._rest[written:]

    def _next_second(self, second: int) -> None:
        self._second, self._stamp = second, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))


def clean(text: str) -> str:
    """A text from a client as one word of printable ASCII. Other characters are percent-encoded."""
    if _PLAIN(text):
        return text
    return quote(text[:_LONGEST].encode("utf-8", "replace"), safe=_SAFE)[: 2 * _LONGEST] or "-"
