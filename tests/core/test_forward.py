"""`lading forward`: a port of this machine, which only its own programs can use."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.test_invoke import SCRIPT, write
from tests.waiting import LIMIT

BODY = b'{"data": [[3]]}'
LOCAL = "version: 1\nname: price\nregister: {model: price, file: price.txt}\n"
LOCAL += "package: {scoring_script: score.py}\ntargets: {local: {port: 0, auth: key}}\n"


class Forwarded:
    """A running `lading forward`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process, self.uri = process, process.stdout.readline().strip()
        self.port = port_of(self.uri) if "://" in self.uri else 0

    def ask(self, body: bytes | None = BODY, path: str = "/score", **headers: str) -> tuple[int, str]:
        """The status and the text of an answer. A header named `host` replaces that of the client."""
        client = HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        client.putrequest("GET" if body is None else "POST", path, skip_host="host" in headers)
        length = {} if body is None else {"content_length": str(len(body))}
        for name, value in {**length, **headers}.items():
            client.putheader(name.replace("_", "-"), value)
        client.endheaders(body)
        answer = client.getresponse()
        return answer.status, answer.read().decode()

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """The exit code and the messages after a signal."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, err


def port_of(uri: str) -> int:
    return int(uri.rpartition(":")[2].partition("/")[0])


@contextmanager
def forwarding(shell: Shell, *argv: str, **env: str) -> Iterator[Forwarded]:
    process = shell.start("forward", *argv, **env)
    try:
        yield Forwarded(process)
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


@pytest.fixture(scope="module")
def price(tmp_path_factory: pytest.TempPathFactory, install: Callable[[str], Path]) -> Iterator[Shell]:
    """A service at an address that only its target reaches."""
    shell = Shell(tmp_path_factory.mktemp("price"), {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(install("minicloud"))})
    shell.write("score.py", SCRIPT)
    write(shell, model="7", expected="14.0")
    shell("deploy")
    yield shell
    shell("delete")


@pytest.fixture(scope="module")
def forwarded(price: Shell) -> Iterator[Forwarded]:
    with forwarding(price) as found:
        yield found


def test_a_port_leads_to_the_service(forwarded: Forwarded) -> None:
    assert forwarded.uri == f"http://127.0.0.1:{forwarded.port}/score"
    assert forwarded.ask() == (200, "[21.0]")
    assert forwarded.ask(path="/other") == (404, '{"error": "the path of the service is /score"}')


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_port(price: Shell, number: signal.Signals) -> None:
    with forwarding(price) as forwarded:
        for _ in range(3):
            leave(forwarded)
        assert forwarded.ask() == (200, "[21.0]"), "a client that leaves disturbs nobody"
        code, err = forwarded.end(number)
        with pytest.raises(ConnectionRefusedError):
            forwarded.ask()
    assert code == 128 + number
    assert "requests go to price on 'private' until Ctrl-C" in err
    assert "Traceback" not in err


def leave(forwarded: Forwarded) -> None:
    """Begin a request, and close the connection."""
    head = f"POST /score HTTP/1.1\r\nHost: 127.0.0.1:{forwarded.port}\r\nContent-Length: 100\r\n\r\n{{"
    with socket.create_connection(("127.0.0.1", forwarded.port), timeout=LIMIT) as client:
        client.sendall(head.encode())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:PORT"}, 421),
        ({"host": "127.0.0.1"}, 421),
        ({"host": "localhost:PORT"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "http://127.0.0.1:PORT"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"content_length": str(1 << 40)}, 413),
        ({"content_length": "9" * 5000}, 411),
        ({"content_length": "-1"}, 411),
    ],
)
def test_web_pages_and_large_requests_are_refused(forwarded: Forwarded, headers: dict[str, str], status: int) -> None:
    known = {name: value.replace("PORT", str(forwarded.port)) for name, value in headers.items()}
    assert forwarded.ask(BODY, "/score", **known)[0] == status
    assert forwarded.ask() == (200, "[21.0]"), "the next request is answered"


def test_only_this_machine_reaches_the_port(forwarded: Forwarded) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.2", forwarded.port))  # a port of all addresses would be taken


def test_a_service_that_does_not_answer_is_reported(price: Shell) -> None:
    lines = 6
    with forwarding(price, "--json") as forwarded:
        assert forwarded.process.stdout is not None
        found = json.loads(forwarded.uri + "".join(forwarded.process.stdout.readline() for _ in range(lines - 1)))
        assert (found["service"], found["target"], found["to"]) == ("price", "private", "http://cloud.invalid/score")
        forwarded.port = port_of(found["uri"])
        price("delete")
        status, text = forwarded.ask()
        _, err = forwarded.end()
    assert status == 502
    message = json.loads(text)["error"]
    assert message in [json.loads(line).get("detail") for line in err.splitlines()]
    assert "price on 'private' has no scoring URI" in price("forward", code=6).err
    price("deploy")


def test_a_target_with_plain_addresses_has_nothing_to_forward(project: Shell) -> None:
    done = project("forward", code=2)
    assert "the target 'roll' needs no port of this machine\n  `lading uri` prints the address" in done.err


def test_a_port_in_use_is_named(price: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = price("forward", "--port", str(port), code=2)
    assert f"port {port} of 127.0.0.1 cannot be used: address already in use" in done.err


def test_the_key_of_the_client_is_passed_on(shell: Shell) -> None:
    shell.write("score.py", SCRIPT)
    shell.write("price.txt", "7")
    shell.write("lading.yaml", LOCAL)
    shell("deploy")
    key = shell("keys", "--show", "--json").json()["primary"]
    with forwarding(shell) as forwarded:
        assert forwarded.ask()[0] == forwarded.ask(None)[0] == 401
        assert forwarded.ask(authorization="Bearer wrong")[0] == 401
        assert forwarded.ask(authorization=f"Bearer {key}") == (200, "[21.0]")
        assert forwarded.ask(x_lading_key=key) == (200, "[21.0]")
    shell("delete")
