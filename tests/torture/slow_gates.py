"""A scoring server with 500 slow clients, and a well-behaved client at the same time."""

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
ROUNDS = 10  # at least half of them: a median of fewer has no meaning
REQUESTS = 1_000  # of the well-behaved client, in each half of a round
MOST = 2.0  # limit, as a multiple of its p99 without the slow clients
SMALL, LARGE = 1_000, 1 << 20  # bytes of the bodies that the slow clients send at once
SIEGE = 15.0  # seconds: longer than the limit for a head
GROWTH = 128 << 20  # bytes of memory; the large bodies together have 200 MiB
ANSWER = f"[{SALARY}"[:14].encode()  # the last digits depend on the machine


class Wronged(Exception):
    """The well-behaved client got a wrong response or none."""


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
    """The ratio of the well-behaved client's p99 with the slow clients to that before."""
    before = _p99(uri)
    with _crowd(uri, SMALL):
        return _p99(uri) / before


def _p99(uri: str) -> float:
    return quantiles(_seconds(uri), n=100)[-1]


def _besieged(uri: str, worker: int) -> tuple[int, list[Found]]:
    """The number of requests of the well-behaved client while large bodies were sent, and the findings."""
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
    """The duration of each request, one after another on one connection. Raises Wronged."""
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
    """Run the slow clients during the block. Afterwards, the yielded dictionary counts the responses by status."""
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
    """The memory of a process in bytes, now (VmRSS) or at its peak (VmHWM)."""
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
