"""Health checks while no worker is free: the supervisor answers them, and gives all other requests to a worker."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest
from tests.plugins.serving.serving_kit import HEAD, Answer, Service, ask, connect, exchange, read_all, status
from tests.waiting import LIMIT, eventually

from lading_serving import reception as module
from lading_serving.board import Board
from lading_serving.figures import FIGURES
from lading_serving.hosts import Hosts
from lading_serving.listeners import listen
from lading_serving.messages import Request, failure
from lading_serving.reception import Reception, taken
from lading_serving.recorder import Recorder
from lading_serving.replies import figures
from lading_serving.server import Server
from lading_serving.spec import Limits

WAITING = """
    import os, time

    def init():
        if os.path.exists("slow"):
            while not os.path.exists("go"):
                time.sleep(0.01)

    def run(raw_data):
        if raw_data == '"wait"':
            open(f"asked-{os.getpid()}", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
        return os.getpid()
"""
CHECK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def busy(service: Service, uri: str, clients: list[threading.Thread]) -> None:
    """Keep all workers busy until the file `go` exists."""
    home = service.script_folder(1)
    for _ in service.workers():
        clients.append(threading.Thread(target=ask, args=(uri, b'"wait"')))
        clients[-1].start()
        eventually(lambda: len(list(home.glob("asked-*"))) == len(clients), "a worker is busy")


@pytest.mark.parametrize("workers", [1, 2])
def test_health_is_answered_while_all_workers_are_busy(service: Service, workers: int) -> None:
    uri = service.serve(script=WAITING, workers=workers)
    clients: list[threading.Thread] = []
    busy(service, uri, clients)
    answer = ask(uri, None, "GET", {}, "/")
    assert (answer.status, answer.body) == (200, b"Healthy")
    head = ask(uri, None, "HEAD", {}, "/")
    assert (head.status, head.body) == (200, b"")
    (service.script_folder(1) / "go").touch()
    for client in clients:
        client.join()
    assert ask(uri).json in service.workers()


def read_figures(uri: str, **headers: str) -> Answer:
    return ask(uri, None, "GET", {"accept": FIGURES, **headers}, "/metrics")


def test_the_figures_are_given_while_all_workers_are_busy(service: Service) -> None:
    uri = service.serve(script=WAITING)
    clients: list[threading.Thread] = []
    busy(service, uri, clients)
    for _ in range(2):  # the question is not counted
        (found,) = read_figures(uri).json["releases"]
        assert (found["release"], found["total"]["requests"]) == ("1", 0)
    (service.script_folder(1) / "go").touch()
    for client in clients:
        client.join()
    assert "/metrics" not in service.folder.log(1).read_text()


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    """The file of a service with the key `key`."""
    file = tmp_path / "digests"
    file.write_text(f"{sha256(b'key').hexdigest()}\n")
    return file


@pytest.mark.parametrize(
    ("headers", "env", "given"),
    [
        ({}, {}, False),
        ({"x-lading-key": "other"}, {}, False),
        ({"x-lading-key": "key"}, {}, True),
        ({"authorization": "Bearer key"}, {}, True),
        ({}, {"LADING_OPEN_METRICS": "1"}, True),
        ({}, {"LADING_KEYS": ""}, True),
        ({}, {"LADING_KEYS": "/absent"}, False),
    ],
)
def test_the_supervisor_gives_figures_only_to_who_may_read_them(
    digests: Path, headers: dict[str, str], env: dict[str, str], given: bool
) -> None:
    request = Request("GET", "/metrics", "", {"accept": FIGURES, **headers}, b"")
    assert bool(figures({"LADING_KEYS": str(digests), **env}, Board(), request)) is given
    assert figures({}, Board(), request._replace(headers=headers)) is None, "a worker answers Prometheus"


@pytest.mark.parametrize("is_open", [True, False])
def test_the_figures_of_a_busy_service_need_its_key(service: Service, digests: Path, is_open: bool) -> None:
    env = {"LADING_KEYS": str(digests), **({"LADING_OPEN_METRICS": "1"} if is_open else {})}
    uri = service.serve(script=WAITING, env=env)
    asking = threading.Thread(target=ask, args=(uri, b'"wait"', "POST", {"x-lading-key": "key"}))
    asking.start()
    home = service.script_folder(1)
    eventually(lambda: list(home.glob("asked-*")), "the worker is busy")
    assert read_figures(uri, authorization="Bearer key").status == 200
    without: list[int] = []
    waiting = threading.Thread(target=lambda: without.append(read_figures(uri).status))
    waiting.start()
    if is_open:
        waiting.join()
    (home / "go").touch()
    asking.join()
    waiting.join()
    assert without == [200 if is_open else 401]


def test_other_requests_wait_for_a_worker_that_is_free(service: Service) -> None:
    uri = service.serve(script=WAITING)
    (worker,) = service.workers()
    clients: list[threading.Thread] = []
    busy(service, uri, clients)
    assert ask(uri, None, "GET", {}, "/").status == 200  # from the supervisor, which now accepts
    with ExitStack() as stack:
        silent, partial, *whole = [stack.enter_context(connect(uri)) for _ in range(7)]
        partial.sendall(HEAD)
        for sock in whole:
            sock.sendall(HEAD + b"Content-Length: 1\r\nConnection: close\r\n\r\n5")
        foreign = stack.enter_context(connect(uri))
        foreign.sendall(b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
        assert ask(uri, None, "GET", {}, "/").status == 200
        (service.script_folder(1) / "go").touch()
        assert [read_all(sock).rpartition(b"\r\n")[2] for sock in whole] == [b"%d" % worker] * len(whole)
        assert status(read_all(foreign)) == 421
        partial.sendall(b"Content-Length: 1\r\nConnection: close\r\n\r\n5")
        silent.sendall(HEAD + b"Content-Length: 1\r\nConnection: close\r\n\r\n5")
        assert [status(read_all(sock)) for sock in (partial, silent)] == [200, 200]
    for client in clients:
        client.join()
    assert service.until(1, "serving")["restarts"] == 0


def test_health_is_503_while_workers_start_again_and_requests_wait_for_them(service: Service) -> None:
    uri = service.serve(script=WAITING)
    home = service.script_folder(1)
    (home / "slow").touch()
    (worker,) = service.workers()
    os.kill(worker, signal.SIGKILL)
    service.until(1, "starting")
    answer = ask(uri, None, "GET", {}, "/")
    assert (answer.status, answer.json) == (503, {"message": "no worker is ready"})
    given = ask(uri, None, "GET", {"x-request-id": "h 1"}, "/")
    assert (given.headers["x-request-id"], len(answer.headers["x-request-id"])) == ("h 1", 36)
    logged = re.compile(r" GET / 503 .* release=1 id=(\S+)")
    ids = eventually(lambda: found if len(found := logged.findall(service.log(1))) > 1 else None, "both are in the log")
    assert ids[:2] == [answer.headers["x-request-id"], "h%201"]
    assert "SIGKILL" in service.until(1, "starting")["reason"]
    answers: list[object] = []
    client = threading.Thread(target=lambda: answers.append(ask(uri).json))
    client.start()
    assert ask(uri, None, "GET", {}, "/").status == 503
    (home / "go").touch()
    client.join()
    assert answers == service.workers()
    assert ask(uri, None, "GET", {}, "/").status == 200
    metrics = ask(uri, None, "GET", {}, "/metrics").body.decode()
    assert re.search(r'lading_requests_total\{[^}]*method="GET",[^}]*status="503"\} [3-9]', metrics)


def test_a_stopped_worker_does_not_stop_health_checks(service: Service) -> None:
    uri = service.serve(script=WAITING)
    (worker,) = service.workers()
    os.kill(worker, signal.SIGSTOP)
    assert status(exchange(uri, CHECK)) == 200
    os.kill(worker, signal.SIGCONT)


def test_the_state_counts_slow_workers(service: Service) -> None:
    uri = service.serve(script=WAITING, workers=2)
    client = threading.Thread(target=ask, args=(uri, b'"wait"'))
    client.start()
    eventually(lambda: service.until(1, "serving").get("slow") == 1, "a worker is slow")
    release = service.until(1, "serving")
    assert (release.get("workers"), release.get("accepting"), release.get("hung")) == (2, 2, 0)
    (service.script_folder(1) / "go").touch()
    client.join()
    eventually(lambda: service.until(1, "serving").get("slow") == 0, "no worker is slow")


class Loop:
    """A loop that only keeps its callbacks."""

    def __init__(self) -> None:
        self.watched: dict[int, Callable[[], None]] = {}

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        assert fd not in self.watched
        self.watched[fd] = callback

    def unwatch(self, fd: int) -> None:
        del self.watched[fd]

    def attend(self, fd: int, events: int, callback: Callable[[], None]) -> None:
        raise AssertionError("only connections with TLS need it")


def no_figures(_request: Request) -> None:
    """No request may read the figures."""


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with listen("127.0.0.1", 0) as sock:
        yield sock


@pytest.fixture
def reception(loop: Loop, listener: socket.socket) -> Iterator[Reception]:
    reception = Reception(loop)
    reception.open(listener, Hosts("127.0.0.1"), "", Recorder(), figures=no_figures)
    yield reception
    for sock in (*reception._pair, *reception._held, *reception._waiting):
        sock.close()


def arrive(loop: Loop, listener: socket.socket, data: bytes) -> socket.socket:
    """A client whose data has arrived and was looked at."""
    client = socket.create_connection(listener.getsockname(), timeout=LIMIT)
    client.sendall(data)
    loop.watched[listener.fileno()]()
    list(loop.watched.values())[-1]()
    return client


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_plain_health_check_is_answered(
    reception: Reception, loop: Loop, listener: socket.socket, method: str, version: str
) -> None:
    with arrive(loop, listener, f"{method} / HTTP/{version}\r\nHost: 127.0.0.1\r\n\r\n".encode()) as client:
        answer = read_all(client)
    assert status(answer) == 200
    assert answer.endswith(b"Healthy") == (method == "GET")
    assert taken(reception.queue) is None
    assert list(loop.watched) == [listener.fileno()]


@pytest.mark.parametrize(
    "data",
    [
        b"G",
        CHECK[:-1],
        CHECK + CHECK,
        CHECK.replace(b"GET", b"POST"),
        CHECK.replace(b" / ", b" /score "),
        CHECK.replace(b" / ", b" /?a "),
        CHECK.replace(b"Host: localhost\r\n", b""),
        CHECK.replace(b"Host: localhost\r\n", b"Host: localhost\r\nHost: localhost\r\n"),
        CHECK.replace(b"localhost", b"example.org"),
        CHECK.replace(b"localhost", b"a b"),
        CHECK.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n"),
        CHECK.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
        b"\x16\x03\x01",
    ],
)
def test_every_other_request_reaches_a_worker_unread(
    reception: Reception, loop: Loop, listener: socket.socket, data: bytes
) -> None:
    with arrive(loop, listener, data):
        sock = taken(reception.queue)
        assert sock is not None
        with sock:
            assert sock.recv(len(data) + 1) == data


def test_silent_clients_are_given_to_a_worker_when_it_is_free(
    reception: Reception, loop: Loop, listener: socket.socket
) -> None:
    with ExitStack() as stack:
        for _ in range(70):
            stack.enter_context(socket.create_connection(listener.getsockname()))
            loop.watched[listener.fileno()]()
        assert len(loop.watched) == 1 + 64
        reception.close()
        assert loop.watched == {}
        found = [sock for sock in (taken(reception.queue) for _ in range(71)) if sock]
        assert len(found) == 70
        for sock in found:
            sock.close()


def fill(reception: Reception, loop: Loop, listener: socket.socket) -> list[socket.socket]:
    """Clients of which as many as possible wait, beside those in the queue."""
    reception._most_waiting = 3
    clients = []
    while len(reception._waiting) < 3:
        clients.append(arrive(loop, listener, b"POST"))
    return clients


def test_with_a_full_queue_health_is_answered_and_nobody_is_lost(
    reception: Reception, loop: Loop, listener: socket.socket
) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(client) for client in fill(reception, loop, listener)]
        assert status(read_all(stack.enter_context(arrive(loop, listener, CHECK)))) == 200
        refused = read_all(stack.enter_context(arrive(loop, listener, b"POST")))
        assert (status(refused), b"too many requests wait for a worker" in refused) == (503, True)
        found = 0
        while sock := taken(reception.queue):
            sock.close()
            found += 1
            reception.open(listener, Hosts("127.0.0.1"), "", Recorder(), figures=no_figures)
        assert found == len(clients) > 3
        assert reception.next_due() == float("inf")


def test_a_waiting_client_that_has_left_makes_room(reception: Reception, loop: Loop, listener: socket.socket) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(client) for client in fill(reception, loop, listener)]
        clients[-2].close()
        clients.append(stack.enter_context(arrive(loop, listener, b"last")))
        last = None
        while sock := taken(reception.queue):
            last = sock.recv(4)
            sock.close()
            reception.open(listener, Hosts("127.0.0.1"), "", Recorder(), figures=no_figures)
        assert last == b"last"


def test_a_silent_client_is_closed_after_the_time_limit_of_a_head(
    reception: Reception, loop: Loop, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SILENCE", 0.0)
    with socket.create_connection(listener.getsockname(), timeout=LIMIT) as client:
        loop.watched[listener.fileno()]()
        assert reception.next_due() < float("inf")
        reception.open(listener, Hosts("127.0.0.1"), "", Recorder(), figures=no_figures)
        assert client.recv(1) == b""
        assert taken(reception.queue) is None
        assert list(loop.watched) == [listener.fileno()]


@pytest.mark.parametrize(
    ("limit", "most"), [(32, (8, 16)), (100_000, (64, 1024)), (resource.RLIM_INFINITY, (64, 1024))]
)
def test_the_descriptors_that_clients_take_are_a_share_of_all(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, limit: int, most: tuple[int, int]
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    reception = Reception(loop)
    assert (reception._most_held, reception._most_waiting) == most


def test_a_listener_that_was_closed_meanwhile_is_no_longer_watched(
    reception: Reception, loop: Loop, listener: socket.socket
) -> None:
    listener.close()
    reception.close()
    assert loop.watched == {}


def test_without_file_descriptors_the_supervisor_pauses(
    reception: Reception, loop: Loop, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = loop.watched[listener.fileno()]
    with socket.create_connection(listener.getsockname()):
        monkeypatch.setattr(reception, "_listener", Exhausted(listener))
        callback()
        assert loop.watched == {}
        assert reception.next_due() < float("inf")


def test_a_worker_without_file_descriptors_leaves_a_client_in_the_queue(
    reception: Reception, loop: Loop, listener: socket.socket
) -> None:
    server = Server(lambda _: failure(404, ""), Limits())
    server.take_from(reception.queue, Hosts("127.0.0.1"))
    with arrive(loop, listener, b"POST"):
        os.close(first_free := os.dup(0))
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, limits[1]))
            server._take(reception.queue, Hosts("127.0.0.1"), lambda _: failure(404, ""))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        sock = taken(reception.queue)
        assert sock is not None
        sock.close()


class Exhausted:
    """A listener for which the system has no file descriptor."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def fileno(self) -> int:
        return self._listener.fileno()

    def accept(self) -> None:
        raise OSError(24, os.strerror(24))
