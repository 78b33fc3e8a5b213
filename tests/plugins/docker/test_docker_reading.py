"""Queries of an engine through its socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.waiting import LIMIT

from lading import StageFailed, Transient
from lading_docker.address import place, unreachable
from lading_docker.reading import inspect

Serve = Callable[[bytes], list[bytes]]


def http(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d -\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Respond to one request at a Unix socket. Returns a list that receives its first line."""
    with (
        TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as listener,
    ):  # short: a socket has a short path limit
        listener.bind(f"{folder}/docker.sock")
        listener.listen()
        listener.settimeout(LIMIT)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
        threads: list[threading.Thread] = []

        def serve(answer: bytes) -> list[bytes]:
            asked: list[bytes] = []

            def once() -> None:
                with listener.accept()[0] as connection:
                    asked.append(connection.recv(65536).partition(b"\r\n")[0])
                    connection.sendall(answer)

            threads.append(threading.Thread(target=once))
            threads[-1].start()
            return asked

        yield serve
        for thread in threads:
            thread.join()


def test_a_container_has_the_engines_description(serve: Serve) -> None:
    state = {"Id": "5f", "State": {"Status": "running", "Restarts": 2}}
    asked = serve(http(200, json.dumps(state).encode()))
    assert inspect("price") == state
    assert asked == [b"GET /containers/price/json HTTP/1.1"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../../images", b"..%2F..%2Fimages"),
        ("a b", b"a%20b"),
        ("a?x=1#y", b"a%3Fx%3D1%23y"),
        ("a\r\nHost: x", b"a%0D%0AHost%3A%20x"),
    ],
)
def test_a_name_is_one_part_of_the_path(serve: Serve, name: str, path: bytes) -> None:
    asked = serve(http(404, b"{}"))
    assert inspect(name) is None
    assert asked == [b"GET /containers/%s/json HTTP/1.1" % path]


@pytest.mark.parametrize("status", [400, 403, 409, 500, 503])
def test_an_error_of_the_engine_is_a_failure_with_its_message(serve: Serve, status: int) -> None:
    serve(http(status, b'{"message": "not \xff here"}'))
    with pytest.raises(StageFailed) as caught:
        inspect("price")
    assert caught.value.message == f'the engine answered {status}: {{"message": "not \ufffd here"}}'


def test_a_long_error_is_shortened(serve: Serve) -> None:
    serve(http(500, b"x" * 9000))
    with pytest.raises(StageFailed) as caught:
        inspect("price")
    assert caught.value.message == f"the engine answered 500: {'x' * 500}"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        b"HTTP/1.1 200",
        http(200, b"<html>"),
        http(200, b"[" * 99999),
    ],
)
def test_a_truncated_response_is_transient(serve: Serve, answer: bytes) -> None:
    serve(answer)
    with pytest.raises(Transient, match=r"^asking for a container: no container engine answers at unix://"):
        inspect("price")


@pytest.mark.parametrize("there", ["absent.sock", "a-file", "."])
def test_a_missing_socket_is_transient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: str) -> None:
    (tmp_path / "a-file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{there}")
    with pytest.raises(Transient) as caught:
        inspect("price")
    assert caught.value.hint == "start Docker or Podman, or set DOCKER_HOST to its address"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "unix:///var/run/docker.sock"),
        ("", "unix:///var/run/docker.sock"),
        ("unix:///run/user/1000/podman/podman.sock", "unix:///run/user/1000/podman/podman.sock"),
        ("tcp://engine.example:2375", "tcp://engine.example:2375"),
        ("ssh://ann@engine.example", "ssh://ann@engine.example"),
    ],
)
def test_the_engine_is_at_docker_host_or_at_the_default_address(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: str
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    if value is not None:
        monkeypatch.setenv("DOCKER_HOST", value)
    assert place() == expected
    assert unreachable("building the image").message == f"building the image: no container engine answers at {expected}"
