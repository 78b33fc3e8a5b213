"""One connection over a real pair of sockets, with a simulated clock: its responses, and its end."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping

import pytest

from lading_serving.connection import Connection
from lading_serving.hosts import Hosts
from lading_serving.later import Later, Turn
from lading_serving.messages import Request, Response
from lading_serving.recorder import Recorder
from lading_serving.spec import Limits

LIMITS = Limits(
    max_body=1000, head_timeout=10, body_timeout=60, idle_timeout=65, write_timeout=20, max_head=500, max_fields=5
)
GET = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n"


class Side:
    """The server's side of a connection. It answers each request with its path, repeated `size` times."""

    def __init__(self) -> None:
        self.limits = LIMITS
        self.admits: Callable[[Mapping[str, str]], bool] | None = None
        self.recorder = Recorder()
        self.draining = False
        self.linger = 5.0
        self.arriving = 0
        self.unread = 0
        self.size = 1
        self.turns = 0
        self.watched = ""
        self.forgotten = False
        self.asked: list[str] = []
        self.client, sock = socket.socketpair()
        for each in (self.client, sock):
            each.setblocking(False)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.connection = Connection(sock, self, Hosts("127.0.0.1"), self.answer)

    def answer(self, request: Request) -> Response:
        self.asked.append(request.path)
        if request.path == "/0":
            raise OSError("nobody foresaw this")
        return Response(200, request.path.encode() * self.size, [])

    def wants_turn(self, turn: Turn) -> None:
        self.turns += 1

    def watch(self, connection: Connection, *, reading: bool, writing: bool) -> None:
        self.watched = "r" * reading + "w" * writing

    def forget(self, connection: Connection) -> None:
        self.forgotten = True

    def send(self, data: bytes) -> None:
        """Send from the client, and let the server read."""
        self.client.sendall(data)
        self.connection.readable()

    def go_on(self) -> None:
        """Give the connection all turns that it wants."""
        while self.turns:
            self.turns -= 1
            self.connection.take_turn()

    def received(self) -> bytes:
        """The data that the client can read now."""
        found = b""
        try:
            while data := self.client.recv(1 << 20):
                found += data
        except BlockingIOError:
            pass
        return found

    def statuses(self) -> list[int]:
        return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.received())]

    @property
    def is_over(self) -> bool:
        return self.forgotten and self.connection.sock.fileno() < 0


@pytest.fixture
def side() -> Iterator[Side]:
    side = Side()
    yield side
    side.client.close()
    if not side.is_over:
        side.connection.close()


def test_a_request_is_answered_at_once_and_the_connection_stays_open(side: Side) -> None:
    side.send(GET % 1)
    assert side.statuses() == [200]
    assert (side.watched, side.turns, side.connection.phase) == ("r", 0, "idle")
    assert side.connection.is_idle


def test_pipelined_requests_are_answered_one_per_turn(side: Side) -> None:
    side.send(b"".join(GET % number for number in (1, 2, 3)))
    assert (side.asked, side.turns, side.watched) == (["/1"], 1, "")
    assert not side.connection.is_idle
    side.go_on()
    assert side.asked == ["/1", "/2", "/3"]
    assert side.statuses() == [200, 200, 200]
    assert side.watched == "r"


@pytest.mark.parametrize(
    ("sent", "phase", "patience"),
    [(b"", "idle", 65), (b"GET", "head", 10), (POST, "body", 60), (POST + b"12", "body", 60)],
)
def test_a_silent_client_is_disconnected_after_the_time_of_its_phase(
    side: Side, sent: bytes, phase: str, patience: int
) -> None:
    if sent:
        side.send(sent)
    assert side.connection.phase == phase
    side.connection.tick(patience - 0.5)
    assert side.connection.phase == phase
    side.connection.tick(0.5)
    if phase == "idle":
        assert side.is_over
        return
    answer = side.received()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert f"the request's {phase} did not arrive within {patience} s".encode() in answer
    assert (side.connection.phase, side.arriving) == ("closing", 0)
    side.connection.tick(2)
    assert side.is_over


def test_more_bytes_do_not_extend_the_time_but_a_new_phase_does(side: Side) -> None:
    side.send(POST[:10])
    side.connection.tick(9)
    side.send(POST[10:20])
    assert side.connection.age == 9
    side.send(POST[20:])
    assert (side.connection.phase, side.connection.age) == ("body", 0)


def test_a_client_that_reads_nothing_is_disconnected_in_time(side: Side) -> None:
    side.size = 100_000
    side.send(GET % 1)
    assert side.watched == "w"
    assert side.unread == side.connection.unread > 200_000
    side.connection.tick(19.5)
    assert not side.is_over
    side.connection.tick(0.5)
    assert side.is_over
    assert side.unread == 0


def test_a_client_that_reads_gets_time_for_each_part(side: Side) -> None:
    side.size = 20_000
    side.send(GET % 1)
    received = b""
    while side.connection.unread:
        side.connection.tick(19)
        received += side.received()
        side.connection.writable()
    received += side.received()
    assert received.endswith(b"/1" * 20_000)
    assert (side.unread, side.watched, side.is_over) == (0, "r", False)


def test_waiting_for_the_server_does_not_count_as_the_clients_time(side: Side) -> None:
    side.send(GET % 1 + GET % 2)
    side.connection.tick(1000)
    side.go_on()
    assert side.statuses() == [200, 200]


@pytest.mark.parametrize("draining", [False, True])
def test_a_draining_server_closes_a_connection_with_its_response(side: Side, draining: bool) -> None:
    side.draining = draining
    side.send(GET % 1)
    assert (b"\r\nconnection: close\r\n" in side.received()) is draining
    assert (side.connection.phase == "closing") is draining


def test_a_draining_server_disconnects_silent_clients_after_a_delay(side: Side) -> None:
    side.draining = True
    side.connection.tick(4.5)
    assert not side.is_over
    side.connection.tick(0.5)
    assert side.is_over


def test_the_last_response_of_http_1_0_closes_the_connection(side: Side) -> None:
    side.send(b"GET /1 HTTP/1.0\r\n\r\n" + GET % 2)
    side.go_on()
    assert side.asked == ["/1"]
    assert side.statuses() == [200]
    assert side.client.recv(1) == b""  # the end of the connection, as the client expects


def test_head_is_answered_without_a_body(side: Side) -> None:
    side.send(b"HEAD /1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = side.received()
    assert b"content-length: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_refusal_follows_earlier_responses_and_drops_later_input(side: Side) -> None:
    side.send(GET % 1 + b"GET /2\r\n\r\n" + GET % 3)
    side.go_on()
    assert side.asked == ["/1"]
    assert side.statuses() == [200, 505]
    assert side.connection.phase == "closing"


def test_input_after_the_end_is_read_and_dropped(side: Side) -> None:
    side.send(b"GET /1 HTTP/1.0\r\n\r\n")
    side.received()
    side.send(GET % 2)
    assert (side.asked, side.watched, side.is_over) == (["/1"], "r", False)
    side.client.shutdown(socket.SHUT_WR)
    side.connection.readable()
    assert side.is_over


@pytest.mark.parametrize("sent", [b"", b"GET", POST + b"1"])
def test_a_client_that_disconnects_is_removed_in_any_phase(side: Side, sent: bytes) -> None:
    if sent:
        side.send(sent)
    side.client.close()
    side.connection.readable()
    assert side.is_over
    assert side.arriving == side.unread == 0


def test_incomplete_bodies_are_counted(side: Side) -> None:
    counts = []
    for piece in (POST, b"1", b"2", b"3"):
        side.send(piece)
        counts.append(side.arriving)
    assert counts == [0, 1, 2, 0]
    assert side.statuses() == [200]


def test_a_connection_that_must_release_memory_is_refused_or_closed(side: Side) -> None:
    side.send(POST + b"12")
    side.connection.give_way()
    answer = side.received()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["message"].startswith("the request's body arrived too slowly")
    assert side.arriving == 0
    side.connection.give_way()
    assert side.is_over


def test_an_error_in_a_response_is_a_400_and_later_requests_get_none(side: Side) -> None:
    with pytest.raises(OSError, match="nobody foresaw"):
        side.send(GET % 0 + GET % 1)
    side.connection.fail()
    side.go_on()
    assert side.statuses() == [400]
    assert side.asked == ["/0"]
    side.connection.fail()
    assert side.is_over


def test_an_error_after_the_start_of_a_response_closes_the_connection(side: Side) -> None:
    side.size = 100_000
    side.send(GET % 1)
    side.connection.fail()
    assert side.is_over
    assert side.received().count(b"HTTP/1.1 ") == 1


def test_a_client_that_expects_continue_gets_it_and_keeps_its_turn(side: Side) -> None:
    side.send(POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert side.received() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert side.connection.phase == "body"
    side.send(b"123")
    assert side.statuses() == [200]


class LateSide(Side):
    """Like `Side`, with answers that come later."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[Later] = []
        self.cancelled = 0
        self.connection = Connection(self.connection.sock, self, Hosts("127.0.0.1"), self.answer_later)

    def answer_later(self, request: Request) -> Later:
        self.asked.append(request.path)
        later = Later()
        later.cancel = self.cancel
        self.due.append(later)
        return later

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture
def late_side() -> Iterator[LateSide]:
    side = LateSide()
    yield side
    side.client.close()
    side.connection.close()


def test_pipelined_requests_wait_for_an_answer_that_comes_later(late_side: LateSide) -> None:
    side = late_side
    side.send(GET % 1 + GET % 2)
    side.go_on()
    assert side.asked == ["/1"]
    side.send(GET % 3)
    assert (side.watched, side.received()) == ("", b"")
    for number in (1, 2, 3):
        side.due.pop().give(Response(200, b"%d" % number, []))
        side.go_on()
        assert side.received().endswith(b"\r\n\r\n%d" % number)
        if side.watched == "r":
            side.connection.readable()
    assert side.asked == ["/1", "/2", "/3"]


def test_a_closed_connection_cancels_its_answer(late_side: LateSide) -> None:
    side = late_side
    side.send(GET % 1)
    assert not side.connection.is_idle
    side.connection.tick(10_000)
    side.connection.close()
    assert side.cancelled == 1
    side.due.pop().give(Response(200, b"", []))
    assert side.received() == b""


def test_a_client_that_leaves_while_it_waits_gives_up_its_answer(late_side: LateSide) -> None:
    side = late_side
    side.send(GET % 1)
    side.connection.tick(0.25)
    assert (side.cancelled, side.is_over) == (0, False)
    side.client.close()
    side.connection.tick(0.25)
    assert (side.cancelled, side.is_over) == (1, True)


@pytest.mark.parametrize(("version", "interim"), [(b"1.1", [100]), (b"1.0", [])])
def test_a_client_that_has_only_ended_its_side_gets_its_answer(
    late_side: LateSide, version: bytes, interim: list[int]
) -> None:
    side = late_side
    side.send(b"GET /1 HTTP/%s\r\nHost: localhost\r\n\r\n" % version)
    side.client.shutdown(socket.SHUT_WR)
    for _look in range(3):
        side.connection.tick(0.25)
    assert (side.cancelled, side.is_over) == (0, False)
    assert side.statuses() == interim
    side.due.pop().give(Response(200, b"", []))
    assert side.statuses() == [200]


def test_an_answer_that_comes_later_closes_a_drained_connection(late_side: LateSide) -> None:
    side = late_side
    side.send(GET % 1)
    side.draining = True
    side.due.pop().give(Response(200, b"late", []))
    assert b"connection: close" in side.received()
