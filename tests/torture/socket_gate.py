"""Two workers that receive any bytes, and a well-behaved client at the same time."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lading_serving.control import ControlFolder

from .beside import Good, beside
from .gate import Figures, Found, Gate, Harm, Trial
from .live import live, workers_of
from .project import ROOT, Project, eventually
from .serving_gates import held

CASES = 200_000
CLIENTS = 3  # processes that send
READERS = 60
LARGE = 8 << 20  # bytes of the responses that are hardly read
PEAK = 128 << 20  # limit in bytes for the growth of a worker meanwhile; without a guard it is 240 MiB
LEVEL = 32 << 20  # limit in bytes for the growth that remains afterwards
FEW = 40  # descriptors
CROWD = 200
PATIENCE = 25.0  # seconds; an idle connection is closed after 65
BUSY = 0.5  # limit as a share of a busy process's CPU time, while no connection can be accepted
BARE = (b"GET http:// HTTP/1.1\r\n\r\n", b"GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n")
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
SURPRISE = "an error of the server ended a connection"
SCRIPT = """\
import json


def init():
    pass


def run(raw_data):
    try:
        asked = json.loads(raw_data)
    except ValueError:
        return "no JSON"
    if asked == {"data": [[21]]}:
        return [141760.56910569107]
    return "x" * asked["size"] if isinstance(asked, dict) and isinstance(asked.get("size"), int) else asked
"""


@dataclass(frozen=True)
class Siege:
    """A service under attack."""

    trial: Trial
    project: Project
    uri: str
    workers: list[int]

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.uri)
        return str(parts.hostname), parts.port or 0

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, 30)

    def held(self) -> int:
        return sum(len(held(pid, self.address[1])) for pid in self.workers)


def _socket_bytes(trial: Trial) -> Figures:
    with live(trial, 2, SCRIPT) as (project, uri):
        siege = Siege(trial, project, uri, workers_of(project))
        before = {pid: (_memory(pid, "VmRSS"), _descriptors(pid)) for pid in siege.workers}
        good = Good(uri)
        with beside(good.run, good.ends), ExitStack() as stack:
            if _asked(trial, "readers"):
                stack.enter_context(_readers(siege))
            found = [each for name in ATTACKS if _asked(trial, name) for each in _attacked(siege, name)]
        found += [Found(Harm.GAP, f"the good client: {wrong}") for wrong in good.wrong]
        found += _harmed(siege, before)
    return Figures(CASES, trial.size(CASES), tuple(found))


def _asked(trial: Trial, attack: str) -> bool:
    return re.search(trial.focus, attack) is not None


def _attacked(siege: Siege, name: str) -> Iterator[Found]:
    try:
        yield from ATTACKS[name](siege)
    except (FileNotFoundError, ProcessLookupError):
        yield Found(Harm.GAP, f"a worker ended under the attack {name}")


def _bytes(siege: Siege) -> Iterator[Found]:
    """Send the cases from several processes."""
    size = -(-siege.trial.size(CASES) // CLIENTS)
    starts = [size * client for client in range(CLIENTS)]
    with ExitStack() as stack:
        programs = [stack.enter_context(_hurling(siege, start, start + size)) for start in starts]
        for program in programs:
            yield from _wrongs(program)


def _hurling(siege: Siege, first: int, end: int) -> subprocess.Popen[str]:
    host, port = siege.address
    argv = [sys.executable, "-m", "tests.torture.hurling", host, str(port), "11", str(first), str(end)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _wrongs(program: subprocess.Popen[str]) -> Iterator[Found]:
    printed, _ = program.communicate()
    if program.returncode != 0:
        raise RuntimeError(f"hurling ended with {program.returncode}")
    yield from (Found(Harm.GAP, wrong) for wrong in json.loads(printed))


def _short_of_descriptors(siege: Siege) -> Iterator[Found]:
    """Use up the descriptors: idle connections must be closed. With busy connections, no worker may spin."""
    with _few_descriptors(siege.workers), ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(siege.connect()).sendall(GET + b"\r\n")
        if not _is_answered(siege):
            yield Found(Harm.GAP, "idle connections kept all descriptors")
    with _few_descriptors(siege.workers), ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(siege.connect()).sendall(GET)
        time.sleep(1)
        used = _share_of_cpu(siege.workers)
    if used > BUSY:
        yield Found(Harm.GAP, f"the workers took {used:.0%} of the CPU of busy processes without a descriptor left")


def _is_answered(siege: Siege) -> bool:
    """Whether a new connection gets a response before idle ones are closed."""
    with suppress(OSError), siege.connect() as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(GET + b"\r\n")
        return sock.recv(65536).startswith(b"HTTP/1.1 200")
    return False


def _share_of_cpu(pids: list[int]) -> float:
    """The CPU time of processes in a few seconds, relative to the same number of busy processes."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        before, calibration = _cpu(pids), _cpu([busy.pid])
        time.sleep(2)
        used, got = _cpu(pids) - before, _cpu([busy.pid]) - calibration
        busy.kill()
    return used / (got * len(pids))


def _queued(siege: Siege) -> Iterator[Found]:
    """Send packets that wait in the backlog while the workers are stopped."""
    with ExitStack() as stack:
        for pid in siege.workers:
            os.kill(pid, signal.SIGSTOP)
        crowd = [stack.enter_context(siege.connect()) for _ in range(CROWD)]
        for number, sock in enumerate(crowd):
            sock.sendall(BARE[number % len(BARE)])
        for pid in siege.workers:
            os.kill(pid, signal.SIGCONT)
        with suppress(OSError):
            answers = [sock.recv(65536)[:12] for sock in crowd]
            if set(answers) == {b"HTTP/1.1 400"}:
                return
    yield Found(Harm.GAP, "packets that waited in the backlog were not answered")


@contextmanager
def _readers(siege: Siege) -> Iterator[None]:
    """Clients that request large responses and read very slowly, until all of them are disconnected."""
    body = b'{"size": %d}' % LARGE
    request = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    ends = threading.Event()
    with ExitStack() as stack:
        crowd = [stack.enter_context(socket.socket()) for _ in range(READERS)]
        for sock in crowd:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(siege.address)
            sock.sendall(request)
            sock.setblocking(False)
        with beside(lambda: _sip(crowd, ends), ends):
            yield


def _sip(crowd: list[socket.socket], ends: threading.Event) -> None:
    while not ends.wait(1.0):
        for sock in crowd:
            with suppress(OSError):
                sock.recv(1024)


def _let_go(siege: Siege) -> Iterator[Found]:
    """Check that the readers lose their connections."""
    if not eventually(lambda: siege.held() <= 2, 60):
        yield Found(Harm.GAP, f"{siege.held()} connections of clients that hardly read are held for ever")


def _harmed(siege: Siege, before: dict[int, tuple[int, int]]) -> Iterator[Found]:
    """Check the state of the workers."""
    if sorted(workers_of(siege.project)) != sorted(siege.workers):
        yield Found(Harm.GAP, f"workers ended: {siege.workers} are {workers_of(siege.project)}")
        return
    log = ControlFolder(siege.project.work).log(1).read_text(errors="replace")
    if SURPRISE in log:
        yield Found(Harm.UNTRUE, log[log.index(SURPRISE) :][:1500])
    for pid, (memory, descriptors) in before.items():
        yield from _kept(pid, memory, descriptors)


def _kept(pid: int, memory: int, descriptors: int) -> Iterator[Found]:
    """Check that a worker has returned its memory and descriptors."""
    if _memory(pid, "VmHWM") - memory > PEAK:
        yield Found(Harm.GAP, f"a worker took {_memory(pid, 'VmHWM') - memory >> 20} MiB")
    if not eventually(lambda: _memory(pid, "VmRSS") <= memory + LEVEL, 10):
        yield Found(Harm.GAP, f"a worker kept {_memory(pid, 'VmRSS') - memory >> 20} MiB")
    if not eventually(lambda: _descriptors(pid) <= descriptors, 10):
        yield Found(Harm.GAP, f"a worker kept {_descriptors(pid) - descriptors} descriptors")


@contextmanager
def _few_descriptors(pids: list[int]) -> Iterator[None]:
    """Limit the number of further files that the processes can open."""
    known = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in pids}
    try:
        for pid, (_, hard) in known.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (_descriptors(pid) + FEW, hard))
        yield
    finally:
        for pid, limits in known.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _cpu(pids: list[int]) -> float:
    """The CPU time of processes in seconds."""
    rows = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(row[11]) + int(row[12]) for row in rows) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int, name: str) -> int:
    """The memory of a process in bytes, now (VmRSS) or at its peak (VmHWM)."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) << 10


ATTACKS: dict[str, Callable[[Siege], Iterator[Found]]] = {
    "bytes": _bytes,
    "descriptors": _short_of_descriptors,
    "queue": _queued,
    "readers": _let_go,
}
GATES = (
    Gate(
        "socket-bytes",
        "no bytes that a client sends, and no answers that it does not read, end a worker or cost others an answer",
        _socket_bytes,
        needs="ps",
    ),
)
