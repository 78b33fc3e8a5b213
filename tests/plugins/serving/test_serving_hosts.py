"""The accepted hosts of a service: no web page may reach a service on loopback under the page's own name."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.plugins.serving.serving_kit import Service, ask, exchange, status

from lading_serving.hosts import Hosts, of_target, split
from lading_serving.messages import Refused

CLOSE = b"Connection: close\r\n\r\n"


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    service = Service(tmp_path_factory.mktemp("hosts") / "service")
    yield service.serve(hosts=("Salary.example",))
    service.stop()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (b"", 400),
        (b"Host: localhost\r\nHost: localhost\r\n", 400),
        (b"Host: localhost\r\nhost: evil.example\r\n", 400),
        (b"Host: localhost, evil.example\r\n", 400),
        (b"Host: user@localhost\r\n", 400),
        (b"Host: localhost:99999\r\n", 400),
        (b"Host: localhost:x\r\n", 400),
        (b"Host: [::1\r\n", 400),
        (b"Host: [::g]\r\n", 400),
        (b"Host:\r\n", 421),
        (b"Host: evil.example\r\n", 421),
        (b"Host: evil.example:80\r\n", 421),
        (b"Host: localhost.evil.example\r\n", 421),
        (b"Host: 192.0.2.1\r\n", 421),
        (b"Host: 0.0.0.0\r\n", 421),
        (b"Host: [::1]\r\n", 421),
        (b"Host: localhost\r\n", 200),
        (b"Host: LocalHost:80\r\n", 200),
        (b"Host: 127.0.0.1:65535\r\n", 200),
        (b"Host: 127.0.0.1:\r\n", 200),
        (b"Host: salary.example:8080\r\n", 200),
    ],
)
def test_a_service_on_loopback_accepts_only_its_own_hosts(uri: str, fields: bytes, code: int) -> None:
    answer = exchange(uri, b"GET / HTTP/1.1\r\n" + fields + CLOSE)
    assert status(answer) == code
    assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.parametrize(
    ("target", "host", "code"),
    [
        (b"http://127.0.0.1/", b"evil.example", 200),
        (b"HTTP://localhost:80?a=1", b"localhost", 200),
        (b"http://evil.example/", b"localhost", 421),
    ],
)
def test_the_host_of_an_absolute_target_counts(uri: str, target: bytes, host: bytes, code: int) -> None:
    assert status(exchange(uri, b"GET %s HTTP/1.1\r\nHost: %s\r\n" % (target, host) + CLOSE)) == code


def test_http_1_0_may_omit_the_host_but_not_name_another(uri: str) -> None:
    assert status(exchange(uri, b"GET / HTTP/1.0\r\n\r\n")) == 200
    assert status(exchange(uri, b"GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n")) == 421


def test_later_requests_of_a_connection_are_checked_too(uri: str) -> None:
    answer = exchange(uri, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"421"]


def test_a_refusal_names_the_host_and_the_option(uri: str) -> None:
    answer = exchange(uri, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert b"this service does not answer for the host 'evil.example': see `hosts` of its target" in answer


def test_a_service_on_ipv6_accepts_all_forms_of_its_address(service: Service) -> None:
    uri = service.serve(host="::1")
    assert ask(uri, b"5").json == 5
    for host in (b"[::1]", b"[0:0:0:0:0:0:0:1]:80", b"localhost"):
        assert status(exchange(uri, b"GET / HTTP/1.1\r\nHost: %s\r\n" % host + CLOSE)) == 200
    assert status(exchange(uri, b"GET / HTTP/1.1\r\nHost: [::2]\r\n" + CLOSE)) == 421


def test_a_service_on_all_addresses_accepts_all_hosts_but_its_candidates_do_not(service: Service) -> None:
    service.serve(host="0.0.0.0")
    release = service.until(1, "serving")
    request = b"GET / HTTP/1.1\r\nHost: any.example\r\n" + CLOSE
    assert status(exchange(release["public_uri"], request)) == 200
    assert urlsplit(release["uri"]).hostname == "127.0.0.1"
    assert status(exchange(release["uri"], request)) == 421


@pytest.mark.parametrize(
    ("hosts", "host", "code"),
    [
        (Hosts("127.0.0.1"), "evil.example", 421),
        (Hosts("127.0.1.1", "box"), "box:80", 0),
        (Hosts("127.0.1.1", "box"), "127.0.0.1", 421),
        (Hosts("::1"), "[0::1]", 0),
        (Hosts("0.0.0.0", "0.0.0.0"), "any.example", 0),
        (Hosts("10.0.0.1", "box.example"), "any.example", 0),
        (Hosts("10.0.0.1", "box.example"), "", 0),
        (Hosts("10.0.0.1", "box.example"), "a@b", 400),
        (Hosts("0.0.0.0", "0.0.0.0", ["ml.example"]), "any.example", 421),
        (Hosts("0.0.0.0", "0.0.0.0", ["ml.example"]), "ML.example:80", 0),
        (Hosts("0.0.0.0", "0.0.0.0", ["ml.example"]), "10.0.0.1:5001", 0),
        (Hosts("0.0.0.0", "0.0.0.0", ["ml.example"]), "localhost", 0),
    ],
)
def test_the_accepted_hosts_depend_on_the_address(hosts: Hosts, host: str, code: int) -> None:
    assert refusal(hosts, host) == code


@given(st.text(max_size=40))
@example(" ")
def test_any_text_is_either_a_host_or_refused(host: str) -> None:
    assert refusal(Hosts("127.0.0.1"), host) in {0, 400, 421}
    try:
        name, port = split(host)
    except Refused:
        return
    assert host.strip(" \t").lower() in {f"{name}:{port}", name}


@given(st.binary(max_size=40))
def test_any_absolute_target_has_a_host_and_a_path_or_is_refused(rest: bytes) -> None:
    try:
        host, path = of_target(b"http://" + rest)
    except Refused:
        return
    assert host
    assert path.startswith(b"/")


def refusal(hosts: Hosts, host: str) -> int:
    try:
        hosts.check(host)
    except Refused as refused:
        return refused.status
    return 0
