"""A scoring server that 500 slow clients hold on to, and a good client who asks meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

from .gate import Figures, Found, Gate, Harm, Trial
from .live import live, workers_of
from .project import REQUEST, SALARY

CROWD = 500
ROUNDS = 10  # half of them at least: the median of less says nothing
REQUESTS = 1_000  # of the good client, in each half of a round
MOST = 2.0  # times its p99 without the crowd
SMALL, LARGE = 1_000, 1 << 20  # bytes of the bodies that the crowd sends at once
SIEGE = 15.0  # seconds: longer than a head may take
GROWTH = 128 << 20  # bytes of memory; the large bodies together have 200 MiB
ANSWER = f"[{SALARY}"[:14].encode()  # the last digits are each machine's own


class Wronged(Exception):
    """The good client was not answered, or wrongly."""


def _crowded(trial: Trial) -> Figures:
    with live(trial) as (project, uri):
        try:
            ratios = [_round(uri) for _ in range(max(ROUNDS // 2, trial.size(ROUNDS)))]
            asked, found = _besieged(uri, *workers_of(project))
        except Wronged as error:
            return Figures(1, 1, (Found(Harm.GAP, str(error)),))
    if median(ratios) >= MOST:
        found.append(Found(Harm.GAP, f"p99 is {median(ratios):.2f} times that without the crowd: {ratios}"))
    asked += 2 * REQUESTS * len(ratios)
    return Figures(asked, asked, tuple(found))


def _round(uri: str) -> float:
    """The good client's p99 among the crowd, by that of just before."""
    before = _p99(uri)
    with _crowd(uri, SMALL):
        return _p99(uri) / before


def _p99(uri: str) -> float:
    return quantiles(_seconds(uri), n=100)[-1]


def _besieged(uri: str, worker: int) -> tuple[int, list[Found]]:
    """How often the good client asked while the crowd sent large bodies, and what came of it."""
    before, asked, end = _memory(worker, "VmRSS"), 0, time.monotonic() + SIEGE
    with _crowd(uri, LARGE) as statuses:
        while time.monotonic() < end:
            asked += len(_seconds(uri))
    growth = _memory(worker, "VmHWM") - before
    found = [Found(Harm.GAP, f"{count} times {status}") for status, count in statuses.items() if status >= "500"]
    if growth > GROWTH:
        found.append(Found(Harm.GAP, f"the worker took {growth >> 20} MiB"))
    return asked, found


def _seconds(uri: str) -> list[float]:
    """What each request takes, one after another on one connection. Raises Wronged."""
    with closing(HTTPConnection(urlsplit(uri).netloc, timeout=20)) as connection:
        return [_ask(connection) for _ in range(REQUESTS)]


def _ask(connection: HTTPConnection) -> float:
    started = time.perf_counter()
    try:
        connection.request("POST", "/score", REQUEST, {"content-type": "application/json"})
        body = connection.getresponse().read()
    except (OSError, HTTPException) as error:
        raise Wronged(f"{error!r} after {time.perf_counter() - started:.1f} s") from error
    if not body.startswith(ANSWER):
        raise Wronged(body.decode())
    return time.perf_counter() - started


@contextmanager
def _crowd(uri: str, body: int) -> Iterator[dict[str, int]]:
    """The crowd is there meanwhile; afterwards, how often it was answered with each status."""
    parts = urlsplit(uri)
    program = Path(__file__).with_name("programs") / "crowd.py"
    argv = [sys.executable, str(program), str(parts.hostname), str(parts.port), str(CROWD), str(body)]
    statuses: dict[str, int] = {}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
        assert crowd.stdout is not None
        assert crowd.stdout.readline() == "ready\n"
        try:
            yield statuses
        finally:
            printed, _ = crowd.communicate(timeout=60)
    statuses.update(json.loads(printed))


def _memory(pid: int, name: str) -> int:
    """Bytes of memory of a process, now (VmRSS) or at the most (VmHWM)."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) << 10


GATES = (
    Gate(
        "slow-clients",
        f"{CROWD} slow clients: a good one's p99 stays under {MOST:g} times what it is without them, nobody gets a 5xx",
        _crowded,
    ),
)
