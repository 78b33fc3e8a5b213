"""HTTPS of a service, with real handshakes: its answers, its limits, and the renewal of its certificate."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.plugins.serving.serving_kit import ECHO, Service, ask, connect, exchange, read_all, status
from tests.plugins.serving.tls_kit import Pair, ask_with_tls, make_pair, presented, trusting
from tests.waiting import LIMIT, eventually

from lading_serving import tls
from lading_serving.spec import Limits


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path)


def handshake(uri: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection with TLS. An end without notice could be an attack, so it is an error."""
    return context.wrap_socket(connect(uri), server_hostname="localhost", suppress_ragged_eofs=False)


def ends(sock: socket.socket) -> bool:
    """Wait until the server closes a connection."""
    with suppress(ConnectionResetError):
        read_all(sock)
    return True


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_are_answered_over_https(service: Service, pair: Pair, version: ssl.TLSVersion) -> None:
    uri = service.serve(env=pair.env)
    assert uri.startswith("https://127.0.0.1:")
    answer = ask_with_tls(uri, pair, b"[1, 2]", context=trusting(pair, version))
    assert (answer.status, answer.json) == (200, [1, 2])


def test_a_client_that_does_not_know_the_certificate_refuses_it(service: Service, pair: Pair) -> None:
    uri = service.serve(env=pair.env)
    with pytest.raises(ssl.SSLCertVerificationError):
        ask_with_tls(uri, pair, context=ssl.create_default_context())
    assert ask_with_tls(uri, pair).status == 200


def test_tls_before_1_2_is_refused(service: Service, pair: Pair) -> None:
    uri = service.serve(env=pair.env)
    old = trusting(pair)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="protocol version"):
        handshake(uri, old)
    assert ask_with_tls(uri, pair).status == 200


def test_plain_http_gets_the_right_scheme_as_its_answer(service: Service, pair: Pair) -> None:
    uri = service.serve(env=pair.env)
    answer = exchange(uri, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status(answer) == 400
    assert b"write https://" in answer


def test_a_connection_is_kept_for_many_requests(service: Service, pair: Pair) -> None:
    uri = service.serve(env=pair.env)
    connection = http.client.HTTPSConnection(urlsplit(uri).netloc, timeout=LIMIT, context=trusting(pair))
    with closing(connection):
        connection.connect()
        sock = connection.sock
        for number in range(50):
            connection.request("POST", "/score", str(number), {"content-type": "application/json"})
            assert connection.getresponse().read() == str(number).encode()
            assert connection.sock is sock


def test_pipelined_requests_are_all_answered_and_the_end_is_announced(service: Service, pair: Pair) -> None:
    uri = service.serve(env=pair.env)
    head = "POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    requests = [f"{head}Content-Length: 1\r\n\r\n{number}" for number in range(3)]
    last = f"{head}Content-Length: 1\r\nConnection: close\r\n\r\n9"
    with handshake(uri, trusting(pair)) as sock:
        sock.sendall("".join([*requests, last]).encode())
        answer = read_all(sock)
    assert answer.count(b"HTTP/1.1 200") == 4


@pytest.mark.parametrize("size", [100_000, 8_000_000])
def test_long_requests_and_answers_arrive_whole(service: Service, pair: Pair, size: int) -> None:
    uri = service.serve(env=pair.env)
    text = b'"' + b"x" * size + b'"'
    assert ask_with_tls(uri, pair, text).body == text


def test_a_slow_reader_gets_a_long_answer_whole(service: Service, pair: Pair) -> None:
    uri = service.serve(env=pair.env)
    text = b'"' + b"y" * 3_000_000 + b'"'
    with handshake(uri, trusting(pair)) as sock:
        head = f"POST /score HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(text)}\r\n"
        sock.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + text)
        parts = []
        while part := sock.recv(100_000):
            parts.append(part)
            time.sleep(0.001)
    assert b"".join(parts).endswith(b"\r\n\r\n" + text)


def test_silent_and_slow_clients_hold_no_worker_and_are_closed(service: Service, pair: Pair) -> None:
    uri = service.serve(env=pair.env, limits=Limits(head_timeout=1.0, linger=0.5))
    with ExitStack() as stack:
        silent, partial, garbage, shaken = [stack.enter_context(connect(uri)) for _ in range(4)]
        partial.sendall(b"\x16\x03\x01\x02\x00\x01")  # the begin of a ClientHello
        garbage.sendall(b"\xff" * 100)
        idle = stack.enter_context(trusting(pair).wrap_socket(shaken, server_hostname="localhost"))
        for _ in range(5):
            assert ask_with_tls(uri, pair).status == 200
        assert all(map(ends, (silent, partial, garbage, idle)))
    assert ask_with_tls(uri, pair).status == 200


def test_the_private_address_answers_http(service: Service, pair: Pair) -> None:
    service.serve(env=pair.env)
    release = service.release(1)
    assert release is not None
    assert release["uri"].startswith("http://127.0.0.1:")
    assert ask(release["uri"]).status == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_a_renewed_certificate_is_used_without_a_restart(service: Service, pair: Pair, workers: int) -> None:
    uri = service.serve(env=pair.env, workers=workers)
    eventually(lambda: service.until(1, "serving")["accepting"] == workers, "each worker has read the pair")
    before = service.workers()
    assert presented(uri) == pair.fingerprint
    new = make_pair(pair.cert.parent, "renewed")
    new.key.replace(pair.key)  # the pair does not fit for a moment
    assert {presented(uri) for _ in range(4)} == {pair.fingerprint}
    new.cert.replace(pair.cert)
    assert {presented(uri) for _ in range(4)} == {pair.fingerprint}
    assert service.workers() == before
    assert "the certificate is not renewed: key: does not belong to the certificate" in service.log(1)


def test_a_release_without_a_usable_certificate_does_not_start(service: Service, pair: Pair) -> None:
    pair.key.write_text("")
    service.add(1, ECHO, pair.env)
    service.desire(candidate=1)
    failed = service.until(1, "failed")
    assert failed["reason"] == f"key: has no private key in PEM form: {pair.key}"


def test_a_restarted_worker_answers_https_again(service: Service, pair: Pair) -> None:
    uri = service.serve(env=pair.env)
    (first,) = service.workers()
    os.kill(first, signal.SIGKILL)
    service.until_restarted(1, 1)
    assert eventually(lambda: ask_with_tls(uri, pair).status == 200, "the service answers")


WAITING = """
    import os, time

    def init():
        pass

    def run(raw_data):
        if raw_data == '"wait"':
            open("asked", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
        return raw_data
"""


def test_health_is_answered_and_requests_wait_while_all_workers_are_busy(service: Service, pair: Pair) -> None:
    uri = service.serve(script=WAITING, env=pair.env)
    home = service.script_folder(1)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(ask_with_tls, uri, pair, b'"wait"')
        eventually((home / "asked").exists, "the worker is busy")
        health = ask_with_tls(uri, pair, None, "GET", "/")
        assert (health.status, health.body) == (200, b"Healthy")
        long = b'"' + b"z" * 300_000 + b'"'
        others = [pool.submit(ask_with_tls, uri, pair, long) for _ in range(4)]
        assert ask_with_tls(uri, pair, None, "GET", "/").status == 200
        assert status(exchange(uri, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 400
        (home / "go").touch()
        assert first.result().json == '"wait"'
        assert [other.result().json.encode() for other in others] == [long] * 4
    assert ask_with_tls(uri, pair).status == 200


def test_a_connection_from_the_time_of_a_busy_worker_is_kept(service: Service, pair: Pair) -> None:
    uri = service.serve(script=WAITING, env=pair.env)
    home = service.script_folder(1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask_with_tls, uri, pair, b'"wait"')
        eventually((home / "asked").exists, "the worker is busy")
        assert ask_with_tls(uri, pair, None, "GET", "/").status == 200  # from the supervisor, which now accepts
        connection = http.client.HTTPSConnection(urlsplit(uri).netloc, timeout=LIMIT, context=trusting(pair))
        with closing(connection):
            connection.request("POST", "/score", "1", {"content-type": "application/json"})
            (home / "go").touch()
            assert connection.getresponse().read() == b'"1"'
            sock = connection.sock
            connection.request("POST", "/score", "2", {"content-type": "application/json"})
            assert connection.getresponse().read() == b'"2"'
            assert connection.sock is sock
        assert first.result().status == 200


def alive(uri: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-P", "-m", "lading_serving.alive", str(urlsplit(uri).port)]
    found = {name: text for name, text in os.environ.items() if name not in {tls.CERTIFICATE, tls.KEY}}
    return subprocess.run(argv, env={**found, **env}, capture_output=True, text=True, timeout=LIMIT, check=False)


def test_the_health_check_of_an_image_uses_the_scheme_of_its_environment(service: Service, pair: Pair) -> None:
    uri = service.serve(env=pair.env)
    assert alive(uri, pair.env).returncode == 0
    assert alive(uri, {}).stderr == "the server is not healthy\n"  # HTTP is answered with 400
    make_pair(pair.cert.parent, "renewed").cert.replace(pair.cert)
    assert alive(uri, pair.env).returncode == 0  # the server keeps the certificate that fits its key
    release = service.release(1)
    assert release is not None
    assert alive(release["uri"], {}).returncode == 0
