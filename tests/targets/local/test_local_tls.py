"""A local service with TLS, through the command line and the Python API."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.plugins.serving.tls_kit import Pair, ask_with_tls, make_pair
from tests.targets.local.test_local_keys_in_commands import write
from tests.waiting import LIMIT

import lading
from lading_serving.control import ControlFolder

SCRIPT = """\
def init():
    pass

def run(raw_data):
    return [7]
"""
TLS = "tls: {cert: service.crt, key: service.key}"


@pytest.fixture
def rate(shell: Shell) -> Shell:
    shell.write("model.txt", "7")
    shell.write("score.py", SCRIPT)
    return shell


@pytest.fixture
def pair(rate: Shell) -> Pair:
    return make_pair(rate.folder)


def uri_of(shell: Shell) -> str:
    return shell("uri").out.strip()


@pytest.mark.slow
def test_commands_use_a_service_whose_certificate_nobody_else_has_signed(rate: Shell, pair: Pair) -> None:
    write(rate, f"{TLS}, auth: key")
    said = rate("deploy")
    assert "try it: lading score " in said.err
    assert uri_of(rate).startswith("https://127.0.0.1:")
    assert rate("score", "-d", "1").json() == [7]
    assert lading.deployment(rate.folder / "lading.yaml").score(1) == [7]
    assert ask_with_tls(uri_of(rate), pair, b"1").status == 401
    (row,) = rate("status", "--json").json()["deployments"]
    assert row["releases"][0]["requests"] >= 2
    assert "nothing to do" in rate("plan").out
    rate("deploy", "--force")
    assert rate("score", "-d", "1").json() == [7]


def test_a_renewed_certificate_is_accepted_when_its_key_fits(rate: Shell, pair: Pair) -> None:
    write(rate, TLS)
    rate("deploy")
    expected = pair.fingerprint
    stranger = make_pair(rate.folder / "..", "stranger")
    pair.cert.write_bytes(b"")  # the server keeps the certificate that it has read
    pair.cert.write_bytes(stranger.cert.read_bytes())
    refused = rate("score", "-d", "1", code=5).err
    assert f"it presents the certificate {expected[:16]}, not {pair.fingerprint[:16]}" in refused
    pair.key.write_bytes(stranger.key.read_bytes())
    assert rate("score", "-d", "1").json() == [7]  # renewed
    assert pair.fingerprint != expected


class Stranger:
    """A server with another certificate. `received` are the decrypted bytes of one client."""

    def __init__(self, pair: Pair) -> None:
        self.received = b""
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(*pair)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LIMIT)
        self.uri = f"https://127.0.0.1:{self._listener.getsockname()[1]}/score"

    def serve_once(self) -> None:
        with self._listener, self._listener.accept()[0] as sock, suppress(ConnectionError):
            sock.settimeout(LIMIT)
            with self._context.wrap_socket(sock, server_side=True) as secured:
                self.received = secured.recv(65536)


def test_another_certificate_gets_neither_the_request_nor_the_key(rate: Shell, pair: Pair) -> None:
    write(rate, f"{TLS}, auth: key")
    rate("deploy")
    folder = ControlFolder(next(Path(rate.folder, ".lading").rglob("state.json")).parent)
    state = folder.state()
    state["releases"]["1"]["public_uri"] = (stranger := Stranger(make_pair(rate.folder, "stranger"))).uri
    folder.write_state(state)
    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(stranger.serve_once)
        refused = rate("score", "-d", "1", code=5).err
        served.result()
    assert f"{stranger.uri} does not answer: it presents the certificate" in refused
    assert stranger.received == b""


@pytest.mark.slow
def test_a_service_without_its_files_is_read_and_deleted(rate: Shell, pair: Pair) -> None:
    write(rate, TLS)
    rate("deploy")
    pair.cert.unlink()
    pair.key.unlink()
    assert "no such file" in rate("plan", code=2).err
    for command in ("status", "uri", "logs", "traffic", "history"):
        rate(command)
    rate("delete")
    assert rate("status", "--json").json()["deployments"][0]["state"] == "absent"


@pytest.mark.slow
def test_a_canary_answers_through_the_stable_release(rate: Shell, pair: Pair) -> None:
    write(rate, TLS)
    rate("deploy")
    rate.write("score.py", SCRIPT.replace("pass", "print('new')"))
    rate("deploy", "--canary", "50")
    for _ in range(4):
        assert rate("score", "-d", "1").json() == [7]
    assert "equal" in rate("compare").out
    rate("promote")
    assert ask_with_tls(uri_of(rate), pair, b"1").json == [7]


def test_the_key_is_neither_shown_nor_kept(rate: Shell, pair: Pair) -> None:
    write(rate, TLS)
    said = rate("deploy")
    rate("score", "-d", "1")
    secret = pair.key.read_text().splitlines()[1]
    assert secret not in said.out + said.err + rate("logs").out
    files = [path for path in Path(rate.folder, ".lading").rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize("command", ["check", "plan", "deploy"])
def test_files_that_cannot_be_used_are_refused_at_their_line(rate: Shell, pair: Pair, command: str) -> None:
    def refusal() -> str:
        said = rate(command, code=2)
        assert "trained" not in said.err
        return said.err

    write(rate, TLS)
    pair.key.rename(rate.folder / "elsewhere")
    assert "lading.yaml:5:49: targets.local.tls.key: no such file or directory" in refusal()
    pair.key.write_bytes(make_pair(rate.folder, "other").key.read_bytes())
    assert "lading.yaml:5:49: targets.local.tls.key: does not belong to the certificate" in refusal()
    pair.key.write_text("no key")
    assert "targets.local.tls.key: has no private key in PEM form" in refusal()
    make_pair(rate.folder, password=b"secret")
    assert "targets.local.tls.key: is protected by a password" in refusal()
    pair.cert.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert "lading.yaml:5:31: targets.local.tls.cert: is damaged" in refusal()
    pair.key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    pair.cert.write_bytes(make_pair(rate.folder, "third").cert.read_bytes())
    assert "targets.local.tls.key: is damaged" in refusal()
    pair.cert.write_text("")
    assert "lading.yaml:5:31: targets.local.tls.cert: has no certificate in PEM form" in refusal()


def test_a_certificate_that_is_not_valid_today_is_found_before_the_training(rate: Shell) -> None:
    pair = make_pair(rate.folder, days=1)
    write(rate, TLS)
    refused = rate("deploy", code=6).err
    assert f"lading.yaml:5:31: targets.local.tls.cert: the certificate has expired: {pair.cert}" in refused
    assert "registered" not in refused


def test_a_key_that_others_can_read_is_reported(rate: Shell, pair: Pair) -> None:
    pair.key.chmod(0o644)
    write(rate, TLS)
    assert f"other users can read {pair.key}" in rate("preflight").out
    pair.key.chmod(0o600)
    assert "other users" not in rate("preflight").out
