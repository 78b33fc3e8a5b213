"""More load than a worker can handle: unread responses, no free descriptors, and input that waits for a new worker."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from tests.plugins.serving.serving_kit import HEAD, Service, ask, connect, cpu_ticks, read_all, status
from tests.waiting import LIMIT, eventually

from lading_serving.control import NOTHING

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
def test_unread_responses_take_limited_memory(service: Service, read: int) -> None:
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


def test_one_response_may_exceed_the_memory_limit(service: Service) -> None:
    uri = service.serve(script=LARGE, limits={"max_unread": MIB})
    with connect(uri) as sock:
        sock.sendall(asking(16 * MIB))
        assert ask(uri, b"1").json == "x"
        assert len(read_what_comes(sock)) > 16 * MIB


def test_slow_reading_does_not_keep_a_response_for_ever(service: Service) -> None:
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


def test_a_steady_reader_gets_a_complete_response(service: Service) -> None:
    uri = service.serve(script=LARGE, limits={"write_timeout": 5.0})
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
        sock.settimeout(LIMIT)
        sock.connect(connect_address(uri))
        sock.sendall(asking(8 * MIB))
        found = 0
        while data := sock.recv(128 * 1024):
            found += len(data)
            time.sleep(0.1)  # in sum longer than the limit for one write
    assert found > 8 * MIB


@LINUX
def test_without_free_descriptors_the_oldest_idle_connections_are_closed(service: Service) -> None:
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
def test_without_idle_connections_accepting_pauses_and_continues(service: Service) -> None:
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


@LINUX
def test_a_service_under_a_low_limit_of_files_answers_new_clients(service: Service) -> None:
    service.add(1)
    argv = [sys.executable, "-P", "-m", "lading_serving.supervisor", str(service.folder.path)]
    service.folder.desire({**NOTHING, "serving": 1})
    subprocess.run(["sh", "-c", 'ulimit -n 64 && exec "$0" "$@"', *argv], check=True, timeout=LIMIT)
    service.hand()
    uri = service.until(1, "serving")["public_uri"]
    (worker,) = service.workers()
    assert resource.prlimit(worker, resource.RLIMIT_NOFILE) == (64, 64)  # type: ignore[attr-defined,unused-ignore]
    with ExitStack() as stack:
        for number in range(150):
            newest = stack.enter_context(connect(uri))
            newest.sendall(GET)
            assert status(newest.recv(65536)) == 200, number
        assert ask(uri, b"[1]").json == [1]
    assert service.workers() == [worker]
    assert service.until(1, "serving")["restarts"] == 0


@LINUX
def test_a_supervisor_without_free_descriptors_answers_health_later(service: Service) -> None:
    script = """
        import os, time

        def init():
            pass

        def run(raw_data):
            open("asked", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
            return 1
    """
    uri = service.serve(script=script)
    few_descriptors(service.pid(), 20)
    client = threading.Thread(target=ask, args=(uri,))
    client.start()
    eventually((service.script_folder(1) / "asked").exists, "run is called")
    with ExitStack() as stack:
        crowd = [stack.enter_context(connect(uri)) for _ in range(60)]
        time.sleep(2)  # the supervisor accepts as many as it can
        assert service.folder.is_supervised()
        for sock in crowd[:59]:
            sock.close()
        assert ask(uri, None, "GET", {}, "/").status == 200
    (service.script_folder(1) / "go").touch()
    client.join()


def test_input_that_waited_for_a_stopped_worker_is_handled(service: Service) -> None:
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


def test_input_that_waited_for_a_new_worker_is_handled(service: Service) -> None:
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
    """Limit a process to `more` files beyond those that it has open."""
    limit = len(list(Path(f"/proc/{pid}/fd").iterdir())) + more
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))  # type: ignore[attr-defined,unused-ignore]  # Linux alone has it


def held(pid: int, port: int) -> int:
    """The open connections to a port that a process holds."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[3] == "01" and int(row[1].rpartition(":")[2], 16) == port}
    links = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            links.add(str(file.readlink()))
    return len(inodes & links)
