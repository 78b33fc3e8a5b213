"""TLS of the target `container` without an engine: the files and the label, and requests that need the certificate."""

from __future__ import annotations

import http.server
import io
import ssl
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.plugins.serving.tls_kit import Pair, make_pair
from tests.targets.container.test_container_units import DEPLOYMENT, IMAGE, RUNNING
from tests.targets.target_kit import problem

from lading import InvokeRequest, ScoringUri, Secret, Transient
from lading_container import _scoring_uri, invoking, lading_invoke
from lading_container.certificates import CERTIFICATE, KEY, digest_of, files
from lading_container.containers import Container
from lading_container.deploying import digest
from lading_container.health import answers
from lading_container.options import ContainerOptions, Tls


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path)


class _Echo(http.server.BaseHTTPRequestHandler):
    seen: list[Mapping[str, str]]

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers))
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def serving(pair: Pair) -> Iterator[tuple[Container, list[Mapping[str, str]]]]:
    """A container with this certificate, and the headers of the requests that it gets."""
    seen: list[Mapping[str, str]] = []
    handler = type("Handler", (_Echo,), {"seen": seen})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that refuses the certificate
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        labels = {**RUNNING.labels, "lading.certificate": pair.fingerprint}
        yield replace(RUNNING, port=server.server_port, labels=labels), seen
        server.shutdown()
        thread.join()


def asked(monkeypatch: pytest.MonkeyPatch, found: Container) -> bytes:
    """The answer to a request that a target sends to its container."""
    monkeypatch.setattr(invoking, "find", lambda name, _deployment: found if name == found.name else None)
    assert found.uri
    request = InvokeRequest(
        deployment=DEPLOYMENT, uri=found.uri, body=b"[1]", key=Secret("a key"), headers={"x-one": "1"}, timeout=10
    )
    answer = lading_invoke(request=request)
    assert answer is not None
    return answer.body


def test_a_request_reaches_the_container_with_the_certificate(monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
    with serving(pair) as (found, seen):
        assert asked(monkeypatch, found) == b"[1]"
        assert answers(found)
    assert (seen[0]["authorization"], seen[0]["x-one"]) == ("Bearer a key", "1")


def test_another_certificate_gets_no_request(monkeypatch: pytest.MonkeyPatch, pair: Pair, tmp_path: Path) -> None:
    stranger = make_pair(tmp_path, "stranger")
    with serving(pair) as (found, seen):
        labels = {**found.labels, "lading.certificate": stranger.fingerprint}
        other = replace(found, labels=labels)
        with pytest.raises(Transient, match=f"it presents the certificate {pair.fingerprint[:16]}, not"):
            asked(monkeypatch, other)
        assert not answers(other)
    assert seen == []


def test_a_container_with_a_certificate_has_an_https_address(pair: Pair) -> None:
    found = replace(RUNNING, labels={**RUNNING.labels, "lading.certificate": pair.fingerprint})
    uri = _scoring_uri(found, networked=True)
    assert isinstance(uri, ScoringUri)
    assert (uri.uri, uri.internal) == ("https://127.0.0.1:8080/score", "https://salary:5001/score")


def test_only_the_server_can_read_the_copied_key(pair: Pair) -> None:
    with tarfile.open(fileobj=io.BytesIO(files(Tls(cert=pair.cert, key=pair.key)))) as archive:
        found = {entry.name: (entry.mode, entry.uid) for entry in archive}
    assert found == {CERTIFICATE.lstrip("/"): (0o444, 10001), KEY.lstrip("/"): (0o400, 10001)}


def test_a_renewed_certificate_replaces_the_container(pair: Pair, tmp_path: Path) -> None:
    options = ContainerOptions(tls=Tls(cert=pair.cert, key=pair.key))
    assert digest_of(options.tls) == pair.fingerprint
    before = digest(options, IMAGE, digest_of(options.tls))
    assert before != digest(ContainerOptions(), IMAGE)
    make_pair(tmp_path)
    assert digest(options, IMAGE, digest_of(options.tls)) != before


def test_files_that_do_not_fit_are_refused_at_their_position(pair: Pair, tmp_path: Path) -> None:
    other = make_pair(tmp_path, "other")
    found = problem(tmp_path, ContainerOptions, f"tls: {{cert: {pair.cert.name}, key: {other.key.name}}}")
    assert "targets.t.tls.key: does not belong to the certificate" in found
    assert "targets.t.tls.cert: no such file" in problem(
        tmp_path, ContainerOptions, f"tls: {{cert: none, key: {other.key.name}}}"
    )
