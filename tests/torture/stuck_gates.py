"""Workers that are stuck in every way: they are replaced, and they end with their supervisor."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from lading_serving.control import ControlFolder

from .gate import Figures, Found, Gate, Harm, Trial
from .live import live, workers_of
from .project import SERVICE, Project, eventually

END = 10.0  # seconds after which nothing may be left
REPLACED = 30.0  # seconds; an idle worker that is stopped is replaced after ten
LIMIT = 3  # seconds of the scoring time-out
SCRIPT = """\
import ctypes
import itertools
import json
import os
import time


def init():
    pass


def run(raw_data):
    asked = json.loads(raw_data)
    if asked == {"data": [[21]]}:
        return [141760.56910569107]
    open("stuck", "w").close()
    return globals()[asked["state"]]()


def holds_the_gil():
    return sum(itertools.repeat(1, 10**12))


def swallows_exceptions():
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass


def forks():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                swallows_exceptions()
        os._exit(0)
    return swallows_exceptions()


def blocks_in_c():
    lock, mutex = ctypes.PyDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)
    lock(mutex)
    lock(mutex)  # waits for itself, with the GIL


def prints_endlessly():
    while True:
        try:
            print("x" * 60_000)
        except BaseException:
            pass
"""
STOPPED = "is stopped"
STATES = (
    "holds_the_gil",
    "swallows_exceptions",
    "forks",
    "blocks_in_c",
    "prints_endlessly",
    STOPPED,
)


class Point(NamedTuple):
    """A state of the worker, and whether its supervisor is killed meanwhile."""

    state: str
    is_killed: bool

    def __str__(self) -> str:
        return f"{self.state}, {'supervisor killed' if self.is_killed else 'time limit'}"


POINTS = [Point(state, is_killed) for is_killed in (False, True) for state in STATES]


class Siege(NamedTuple):
    """A service, and its address at the start."""

    project: Project
    uri: str

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.uri)
        return str(parts.hostname), parts.port or 0

    @property
    def control(self) -> ControlFolder:
        return ControlFolder(self.project.work)


def _stuck_workers(trial: Trial) -> Figures:
    points = trial.sample(POINTS)
    found: list[Found] = []
    with live(trial, script=SCRIPT, options=f", scoring_timeout: {LIMIT}") as (project, uri):
        siege = Siege(project, uri)
        for point in points:
            found += [Found(harm, f"{point}: {where}") for harm, where in _attempt(siege, point)]
    return Figures(len(POINTS), len(points), tuple(found))


def _attempt(siege: Siege, point: Point) -> Iterator[tuple[Harm, str]]:
    (worker,) = workers_of(siege.project)
    restarts = _restarts(siege)
    client = _client(siege)
    if client is None:
        yield Harm.GAP, "its address refuses a connection"
    elif not _is_stuck(siege, client, worker, point.state):
        yield Harm.STUCK, f"the worker did not reach its state: {siege.project.describe()}"
    yield from _after_a_kill(siege) if point.is_killed else _at_the_limit(siege, worker, restarts)
    if client is not None:
        client.close()
    if not eventually(lambda: _is_whole(siege), REPLACED):
        yield Harm.STUCK, f"the service does not answer as before: {siege.project.describe()}"


def _client(siege: Siege) -> socket.socket | None:
    with suppress(OSError):
        return socket.create_connection(siege.address, timeout=REPLACED)
    return None


def _is_stuck(siege: Siege, client: socket.socket, worker: int, state: str) -> bool:
    """Bring the worker into a state. Returns whether it is in it. The client waits for it."""
    if state == STOPPED:
        os.kill(worker, signal.SIGSTOP)
        return True
    for mark in _marks(siege):
        mark.unlink()
    body = json.dumps({"state": state}).encode()
    with suppress(OSError):
        client.sendall(
            b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"X-Request-Id: the-stuck-one\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
    return eventually(lambda: bool(_marks(siege)))


def _marks(siege: Siege) -> list[Path]:
    """The files that show that a script is stuck. A deploy after a kill makes another release, beside the earlier."""
    return list(siege.control.releases.glob("*-*/azureml-app/stuck"))


def _at_the_limit(siege: Siege, worker: int, restarts: int) -> Iterator[tuple[Harm, str]]:
    if _health(siege) != 200 or _restarts(siege) != restarts:  # the next worker would answer too
        yield Harm.GAP, "its health check was not answered while its worker was stuck"
    if not eventually(lambda: _restarts(siege) > restarts, REPLACED):
        yield Harm.STUCK, "the worker was not replaced"
    if not eventually(lambda: not Path(f"/proc/{worker}").exists()):
        yield Harm.ORPHAN, f"the worker {worker} lives on"
    if "stuck" not in siege.project.run("status").stdout:
        yield Harm.UNTRUE, "lading status does not show that a worker was stuck"


def _after_a_kill(siege: Siege) -> Iterator[tuple[Harm, str]]:
    os.kill(siege.control.state()["pid"], signal.SIGKILL)
    if not eventually(lambda: not siege.project.processes(), END):
        yield Harm.ORPHAN, f"{END:g} s after the kill: {siege.project.describe()}"
    if _listens(siege.address):
        yield Harm.ORPHAN, f"{END:g} s after the kill something listens on {siege.address}"
    ended = siege.project.run("deploy")
    if (ended.returncode, ended.stdout.strip()) != (0, siege.uri):
        yield Harm.STUCK, f"the next deploy: exit {ended.returncode}: {ended.stdout} {ended.stderr[-600:]}"


def _is_whole(siege: Siege) -> bool:
    return len(siege.project.processes()) == SERVICE and _scores(siege)


def _scores(siege: Siege) -> bool:
    with suppress(OSError, http.client.HTTPException), closing(_connection(siege)) as connection:
        connection.request("POST", "/score", b'{"data": [[21]]}', {"content-type": "application/json"})
        return connection.getresponse().read() == b"[141760.56910569107]"
    return False


def _health(siege: Siege) -> int:
    with suppress(OSError, http.client.HTTPException), closing(_connection(siege)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().status
    return 0


def _connection(siege: Siege) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(*siege.address, timeout=END)


def _restarts(siege: Siege) -> int:
    return sum(release["restarts"] for release in siege.control.state()["releases"].values())


def _listens(address: tuple[str, int]) -> bool:
    with suppress(OSError), socket.create_connection(address, timeout=1):
        return True
    return False


GATES = (
    Gate(
        "stuck-workers",
        "workers that hold the GIL, swallow exceptions, fork, block in C, print endlessly or are stopped, with their "
        "supervisor killed or not",
        _stuck_workers,
        needs="sh",
    ),
)
