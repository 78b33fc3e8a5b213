"""The records of a supervisor: redacted logs, shared and moved sockets, delays, and reasons of ended workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading_serving.control import ControlFolder
from lading_serving.listeners import Listeners, PortInUse, listen, port_owner, scoring_uri
from lading_serving.process import Log, ending
from lading_serving.release import Release, pause_after
from lading_serving.supervisor import Supervisor

SECRETS = {"TOKEN": "s3cret-t0ken", "LONGER": "s3cret-t0ken-2", "SHORT": "12345", "SIX": "123456"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, "a worker ended with exit code 0"),
        (3, "a worker ended with exit code 3"),
        (-signal.SIGTERM, "a worker was killed by SIGTERM"),
        (-signal.SIGSEGV, "a worker was killed by SIGSEGV"),
        (-35, "a worker was killed by signal 35"),
        (-signal.SIGKILL, "a worker was killed by SIGKILL; it may have run out of memory"),
    ],
)
def test_an_exit_code_explains_how_a_worker_ended(code: int, reason: str) -> None:
    assert ending(code) == reason


def test_a_release_that_cannot_be_tended_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "wake")
    supervisor = Supervisor(ControlFolder(tmp_path), {"pid": 0, "port": 0, "releases": {}})
    broken, whole = (create_autospec(Release, instance=True, is_gone=False, public=None, state={}) for _ in range(2))
    broken.spec, whole.spec = SimpleNamespace(number=1), SimpleNamespace(number=2)
    broken.tend.side_effect = ValueError("unexpected")
    supervisor._releases = {1: broken, 2: whole}
    assert supervisor._reconcile()
    whole.tend.assert_called_once()
    broken.trouble.assert_called_once_with("ValueError: unexpected")
    assert "ValueError: unexpected" in capsys.readouterr().err


def test_delays_double_up_to_thirty_seconds() -> None:
    pauses = [pause_after(troubles) for troubles in range(12)]
    assert pauses[:9] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6]
    assert set(pauses[9:]) == {30.0}
    assert pause_after(100_000) == 30.0  # after weeks of failures


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "1.log", SECRETS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing to hide", "nothing to hide"),
        ("a s3cret-t0ken!", "a ${TOKEN}!"),
        ("s3cret-t0ken-2", "${LONGER}"),
        ("12345", "12345"),
        ("1234567", "${SIX}7"),
        ("s3cret-t0kens3cret-t0ken", "${TOKEN}${TOKEN}"),
    ],
)
def test_values_of_six_or_more_characters_are_hidden(log: Log, text: str, shown: str) -> None:
    assert log.masked(text) == shown
    log.close()


@settings(max_examples=25)
@given(
    words=st.lists(st.sampled_from([*SECRETS.values(), "\n", " ", "é", "s3cret-t0"]), max_size=12),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_a_value_is_hidden_even_if_it_is_written_in_pieces(tmp_path: Path, words: list[str], cuts: list[int]) -> None:
    file = tmp_path / "1.log"
    file.unlink(missing_ok=True)
    log, text = Log(file, SECRETS), "".join(words).encode()
    places = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    for start, end in pairwise(places):
        log.write(text[start:end])
    log.close()
    written = file.read_bytes()
    assert not any(secret.encode() in written for secret in ("s3cret-t0ken", "123456"))
    assert written.decode() == log.masked("".join(words))


def test_bytes_that_are_not_text_are_kept_unchanged(tmp_path: Path, log: Log) -> None:
    log.write(b"\xff\xfe s3cret-t0ken \x00\n")
    log.close()
    assert (tmp_path / "1.log").read_bytes() == b"\xff\xfe ${TOKEN} \x00\n"


def test_a_long_line_is_written_before_its_end(tmp_path: Path, log: Log) -> None:
    log.write(b"a" * 1000)
    assert (tmp_path / "1.log").read_bytes() == b""
    log.write(b"a" * 64 * 1024)
    assert (tmp_path / "1.log").stat().st_size == 1000 + 64 * 1024
    log.close()


def test_a_full_log_is_renamed_and_a_new_one_starts(tmp_path: Path) -> None:
    log = Log(tmp_path / "1.log", {})
    for letter in (b"a", b"b", b"c"):
        log.write(letter * 3_000_000)
    log.close()
    assert (tmp_path / "1.log").read_bytes() == b"c" * 3_000_000
    assert (tmp_path / "1.log.1").read_bytes() == b"b" * 3_000_000


def test_a_log_is_appended_to_an_earlier_one(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        log = Log(tmp_path / "1.log", SECRETS)
        log.write(text)
        log.close()
    assert (tmp_path / "1.log").read_bytes() == b"one\ntwo\n"


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    listeners = Listeners(kept=0)
    yield listeners
    listeners.keep_only([])


def port_of(sock: socket.socket) -> int:
    number: int = sock.getsockname()[1]
    return number


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield port_of(sock)


def test_a_free_port_is_chosen_once_and_shared(listeners: Listeners) -> None:
    first = listeners.public("127.0.0.1", 0, may_move=True)
    assert listeners.kept == port_of(first)
    assert listeners.public("127.0.0.1", 0, may_move=False) is first
    assert listeners.public("127.0.0.1", listeners.kept, may_move=False) is first
    assert not first.getblocking()


def test_another_port_gets_another_socket_and_the_kept_one_stays(listeners: Listeners, taken: int) -> None:
    first = listeners.public("127.0.0.1", 0, may_move=True)
    with closing(listen("127.0.0.1", 0)) as other:
        number = port_of(other)
    second = listeners.public("127.0.0.1", number, may_move=True)
    assert second is not first
    assert listeners.kept == port_of(first)
    listeners.keep_only([second])
    assert first.fileno() < 0
    assert listeners.public("127.0.0.1", number, may_move=True) is second


def test_a_port_in_use_is_named_with_its_owner(listeners: Listeners, taken: int) -> None:
    with pytest.raises(PortInUse) as caught:
        listeners.public("127.0.0.1", taken, may_move=True)
    owner = port_owner(taken)
    assert str(caught.value) == f"port {taken} of 127.0.0.1 is in use" + (f" by {owner}" if owner else "")
    if Path("/proc/net/tcp").exists():
        assert owner.endswith(f" (pid {os.getpid()})")


BUSY = """
import os, socket
with socket.create_server(("127.0.0.1", 0)) as sock:
    os.dup2(sock.fileno(), 200)
    print(sock.getsockname()[1], flush=True)
while True:
    for file in [os.open(os.devnull, os.O_RDONLY) for _ in range(50)]:
        os.close(file)
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux shows the owner of a port")
def test_the_owner_of_a_port_is_found_while_it_opens_and_closes_files() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True) as owner:
        try:
            assert owner.stdout is not None
            port = int(owner.stdout.readline())
            assert {port_owner(port).rpartition(" ")[2] for _ in range(20)} == {f"{owner.pid})"}
        finally:
            owner.kill()


@pytest.mark.parametrize("may_move", [True, False])
def test_a_kept_port_in_use_is_replaced_if_the_release_may_move(taken: int, may_move: bool) -> None:
    listeners = Listeners(kept=taken)
    if not may_move:
        with pytest.raises(PortInUse):
            listeners.public("127.0.0.1", 0, may_move=False)
        assert listeners.kept == taken
        return
    with closing(listeners.public("127.0.0.1", 0, may_move=True)) as sock:
        assert listeners.kept == port_of(sock) != taken


def test_a_port_of_an_outgoing_connection_has_no_owner(taken: int) -> None:
    with socket.create_connection(("127.0.0.1", taken)) as client:
        assert port_owner(port_of(client)) == ""


def test_an_address_of_another_machine_is_an_error(listeners: Listeners) -> None:
    with pytest.raises(OSError, match="assign requested address"):
        listeners.public("192.0.2.1", 0, may_move=True)


@pytest.mark.parametrize(
    ("host", "uri"),
    [("127.0.0.1", "http://127.0.0.1:{}/score"), ("0.0.0.0", "http://127.0.0.1:{}/score")]
    + ([("::1", "http://[::1]:{}/score"), ("::", "http://[::1]:{}/score")] if socket.has_ipv6 else []),
)
def test_a_client_on_this_machine_reaches_every_address(host: str, uri: str) -> None:
    with closing(listen(host, 0)) as sock:
        assert scoring_uri(sock) == uri.format(port_of(sock))
