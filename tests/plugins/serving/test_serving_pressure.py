"""More than a worker can hold: answers that nobody reads, no descriptor left, bytes that wait for a new worker."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from serving_kit import HEAD, Service, ask, connect, cpu_ticks, read_all, status
from tests.waiting import LIMIT, eventually

LARGE = """
    def init():
        pass

    def run(raw_data):
        return "x" * int(raw_data)
"""
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="sets the limits of another process, or reads /proc")
MIB = 1 << 20


def asking(size: int) -> bytes:
    digits = b"%d" % size
    return HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(digits), digits)


def read_what_comes(sock: socket.socket) -> bytes:
    found = b""
    with suppress(ConnectionError):
        while data := sock.recv(MIB):
            found += data
    return found


@pytest.mark.parametrize("read", [0, 16 * MIB])
def test_answers_that_nobody_reads_to_the_end_take_a_bounded_room(service: Service, read: int) -> None:
    uri = service.serve(script=LARGE, limits={"max_unread": 48 * MIB})
    with ExitStack() as stack:
        crowd = [stack.enter_context(connect(uri)) for _ in range(8)]
        for sock in crowd:
            sock.sendall(asking(32 * MIB))
            taken = 0
            while taken < read:
                taken += len(sock.recv(read - taken))
        assert ask(uri, b"1").json == "x"
        whole = [len(read_what_comes(sock)) > 32 * MIB - read for sock in crowd]
    assert 0 < sum(whole) < 6
    assert whole[-1]


def test_one_answer_may_take_more_than_the_room(service: Service) -> None:
    uri = service.serve(script=LARGE, limits={"max_unread": MIB})
    with connect(uri) as sock:
        sock.sendall(asking(16 * MIB))
        assert ask(uri, b"1").json == "x"
        assert len(read_what_comes(sock)) > 16 * MIB


def test_a_trickle_of_reading_does_not_hold_an_answer(service: Service) -> None:
    uri = service.serve(script=LARGE, limits={"write_timeout": 0.5})
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(connect_address(uri))
        sock.sendall(asking(8 * MIB).replace(b"Connection: close\r\n", b""))
        worker = service.workers()[0]

        def is_let_go() -> bool:
            sock.recv(1)
            return held(worker, connect_address(uri)[1]) == 0

        eventually(is_let_go, "the connection is closed")


def test_a_steady_reader_gets_the_whole_of_an_answer(service: Service) -> None:
    uri = service.serve(script=LARGE, limits={"write_timeout": 5.0})
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
        sock.settimeout(LIMIT)
        sock.connect(connect_address(uri))
        sock.sendall(asking(8 * MIB))
        found = 0
        while data := sock.recv(128 * 1024):
            found += len(data)
            time.sleep(0.1)  # longer than the limit for one write, over all of them
    assert found > 8 * MIB


@LINUX
def test_without_descriptors_the_oldest_idle_connections_go(service: Service) -> None:
    uri = service.serve()
    (worker,) = service.workers()
    few_descriptors(worker, 40)
    with ExitStack() as stack:
        for _ in range(100):
            newest = stack.enter_context(connect(uri))
            newest.sendall(GET)
            assert status(newest.recv(65536)) == 200
        assert ask(uri, b"[1]").json == [1]
        newest.sendall(GET)
        assert status(newest.recv(65536)) == 200
    assert service.workers() == [worker]
    assert service.log(1).count("out of file descriptors") == 1


@LINUX
def test_without_descriptors_and_idle_connections_accepting_pauses_and_goes_on(service: Service) -> None:
    uri = service.serve()
    (worker,) = service.workers()
    few_descriptors(worker, 30)
    with ExitStack() as stack:
        crowd = [stack.enter_context(connect(uri)) for _ in range(60)]
        for sock in crowd:
            sock.sendall(GET[:-2])
        eventually(lambda: "out of file descriptors" in service.log(1), "no descriptor is left")
        ticks = cpu_ticks(worker)
        time.sleep(1)
        assert cpu_ticks(worker) - ticks < 30
    assert ask(uri, b"[1]").json == [1]
    assert service.workers() == [worker]


def test_bytes_that_waited_while_a_worker_was_stopped_do_no_harm(service: Service) -> None:
    uri = service.serve()
    (worker,) = service.workers()
    os.kill(worker, signal.SIGSTOP)
    with ExitStack() as stack:
        crowd = [stack.enter_context(connect(uri)) for _ in range(50)]
        for sock in crowd:
            sock.sendall(b"GET http:// HTTP/1.1\r\n\r\n")
        os.kill(worker, signal.SIGCONT)
        assert {status(read_all(sock)) for sock in crowd} == {400}
    assert ask(uri, b"[1]").json == [1]
    assert service.workers() == [worker]


def test_bytes_that_waited_for_a_new_worker_do_no_harm(service: Service) -> None:
    uri = service.serve()
    (worker,) = service.workers()
    os.kill(worker, signal.SIGSTOP)
    with ExitStack() as stack:
        crowd = [stack.enter_context(connect(uri)) for _ in range(50)]
        for sock in crowd:
            sock.sendall(b"GET http:// HTTP/1.1\r\n\r\n")
        os.kill(worker, signal.SIGKILL)
        assert {status(read_all(sock)) for sock in crowd} == {400}
    service.until_restarted(1, 1)
    assert ask(uri, b"[1]").json == [1]


def connect_address(uri: str) -> tuple[str, int]:
    with connect(uri) as sock:
        host, port = sock.getpeername()[:2]
        return host, port


def few_descriptors(pid: int, more: int) -> None:
    """Let a process open `more` files than it has open."""
    limit = len(list(Path(f"/proc/{pid}/fd").iterdir())) + more
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))  # type: ignore[attr-defined,unused-ignore]


def held(pid: int, port: int) -> int:
    """The open connections to a port that a process holds."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[3] == "01" and int(row[1].rpartition(":")[2], 16) == port}
    links = [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()]
    return len(inodes.intersection(links))
