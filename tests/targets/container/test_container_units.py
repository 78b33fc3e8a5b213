"""The target `container` without an engine: its options, reading of engine data, logs, ports and health."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hook_kit import MemoryContext
from tests.targets.target_kit import bound, problem

from lading import Deployment, Image, Json, NoScoringUri, ScoringUri, StageFailed, State, Status, Transient
from lading_container import _scoring_uri, _status, keys, lading_status
from lading_container.containers import Container, names, ours
from lading_container.deploying import digest, host_settings, start_hint
from lading_container.health import answers, seconds_since
from lading_container.logs import fresh
from lading_container.options import ContainerOptions
from lading_container.ports import free_port, refuse_used

DEPLOYMENT = Deployment(service="salary", target="t", options=ContainerOptions())
LABELS = {
    "lading.service": "salary",
    "lading.target": "t",
    "lading.package": "p",
    "lading.model": "m",
    "lading.release-id": "r",
}
RUNNING = Container(
    id="c1",
    name="salary",
    state="running",
    labels=LABELS,
    host="127.0.0.1",
    port=8080,
    started="2026-01-01T12:00:00Z",
    exit_code=0,
    out_of_memory=False,
)


@pytest.fixture(autouse=True)
def _usual_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        (
            "starting the container salary: No such container: 3f",
            "another program removed it: run the same command again",
        ),
        ("Bind for 127.0.0.1:80 failed: port is already allocated", "free what it needs, or name another host or port"),
        ("listen tcp4 10.9.9.9:80: bind: cannot assign requested address", "free what it needs, or name another "),
        ("could not select device driver with capabilities: [[gpu]]", "change the block as the engine says"),
        ("the runtime has no support for this", "change the block as the engine says"),
    ],
)
def test_the_hint_for_a_refused_start_fits_the_refusal(refusal: str, hint: str) -> None:
    assert start_hint(refusal).startswith(hint)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("host: localhost", "5:24: targets.t.host: must be "),
        ("host: ''", "5:24: targets.t.host: "),
        ("port: 65536", "5:24: targets.t.port: must be at most 65535"),
        ("port: -1", "5:24: targets.t.port: must be at least 0"),
        ("cpus: 0", "5:24: targets.t.cpus: must be more than 0"),
        ("cpus: 1025", "5:24: targets.t.cpus: must be at most 1024"),
        ("memory: 512", "5:26: targets.t.memory: expected text"),
        ("memory: 512MB", "5:26: targets.t.memory: must be "),
        ("memory: 0m", "5:26: targets.t.memory: must be "),
        ("restart: never", "5:27: targets.t.restart: must be "),
        ("restart: no", "5:27: targets.t.restart: no is read as a boolean by YAML 1.1: write false, or"),
        ("network: -n", "5:27: targets.t.network: must be "),
        ("pull: sometimes", "5:24: targets.t.pull: must be "),
        ("start_timeout: 0", "5:33: targets.t.start_timeout: must be more than 0"),
        ("env: {A: 1}", "5:27: targets.t.env.A: expected text"),
        ("env: {'A=B': c}", "5:18: targets.t.env: 'A=B' cannot be the name of a variable"),
        ("env: {'': c}", "5:18: targets.t.env: '' cannot be the name of a variable"),
        ("image: x", "5:18: targets.t.image: unknown key"),
    ],
)
def test_an_invalid_option_is_refused_at_its_position(tmp_path: Path, block: str, expected: str) -> None:
    assert problem(tmp_path, ContainerOptions, block).startswith(expected)


@pytest.mark.parametrize("value", ["x" * 131_070, "\N{SNOWMAN}" * 43_690])
def test_the_size_of_a_variable_is_counted_in_bytes(value: str) -> None:
    assert ContainerOptions(env={"A": value[:-1]}).env
    with pytest.raises(ValueError, match=r"^env: A has 13107[23] bytes, and Linux accepts at most 131071"):
        ContainerOptions(env={"A": value})


@pytest.mark.parametrize(
    ("block", "port", "restart", "changed"),
    [
        ("", None, "no", {}),
        ("", 8080, "always", {"port_bindings": {5001: ("127.0.0.1", 8080)}, "restart_policy": {"Name": "always"}}),
        ("host: 0.0.0.0", None, "no", {"port_bindings": {5001: ("0.0.0.0",)}}),
        ("cpus: 0.5", None, "no", {"nano_cpus": 500_000_000}),
        ("cpus: 0.0000000019", None, "no", {"nano_cpus": 2}),
        ("memory: 512m", None, "no", {"mem_limit": "512m"}),
        ("network: back", None, "no", {"network_mode": "back"}),
    ],
)
def test_a_block_becomes_arguments_of_the_engine(
    tmp_path: Path, block: str, port: int | None, restart: str, changed: dict[str, Any]
) -> None:
    plain = {
        "port_bindings": {5001: ("127.0.0.1",)},
        "restart_policy": {"Name": "no"},
        "nano_cpus": None,
        "mem_limit": None,
        "network_mode": None,
    }
    options = bound(tmp_path, ContainerOptions, block or "port: 0")
    assert host_settings(options, port, restart) == plain | changed


IMAGE = Image(reference="salary:1", digest="sha256:" + 64 * "0", platform="linux/amd64")


def test_a_container_is_not_replaced_while_its_options_and_image_stay() -> None:
    """The digest is a label of running containers. Another digest for the same options would replace them all."""
    kept = "7980c88693e636124cff67e0d98455e142cc74097ab4f5c3a7826b0d8a1e0531"
    assert digest(ContainerOptions(), IMAGE) == kept
    others = [
        (ContainerOptions(env={"A": "1"}), IMAGE),
        (ContainerOptions(port=8080), IMAGE),
        (ContainerOptions(start_timeout=60), IMAGE),
        (ContainerOptions(), replace(IMAGE, reference="salary:2")),
    ]
    assert len({kept, *(digest(*other) for other in others)}) == 5
    assert digest(ContainerOptions(), replace(IMAGE, digest="sha256:" + 64 * "1")) == kept


def test_names_of_containers_do_not_collide() -> None:
    assert names("salary") == ("salary", "salary.next", "salary.candidate")


def told(state: str = "running", labels: Json = None, **network: Json) -> Json:
    """The engine's description of a container."""
    return {
        "Id": "c1",
        "Config": {"Labels": LABELS if labels is None else labels},
        "State": {"Status": state, "StartedAt": "2026-01-01T12:00:00Z", "ExitCode": 0, "OOMKilled": False},
        "NetworkSettings": {"Ports": network.get("given")},
        "HostConfig": {"PortBindings": network.get("wished")},
    }


def at(host: str, port: str) -> Json:
    return {"5001/tcp": [{"HostIp": host, "HostPort": port}]}


@pytest.mark.parametrize(
    ("network", "host", "port", "uri"),
    [
        ({"given": at("127.0.0.1", "8080")}, "127.0.0.1", 8080, "http://127.0.0.1:8080/score"),
        ({"wished": at("127.0.0.1", "8081")}, "127.0.0.1", 8081, "http://127.0.0.1:8081/score"),
        (
            {"given": at("127.0.0.1", "8080"), "wished": at("127.0.0.1", "")},
            "127.0.0.1",
            8080,
            "http://127.0.0.1:8080/score",
        ),
        ({"wished": at("127.0.0.1", "")}, "127.0.0.1", 0, None),
        ({"given": at("0.0.0.0", "8080")}, "127.0.0.1", 8080, "http://127.0.0.1:8080/score"),
        ({"given": at("", "8080")}, "127.0.0.1", 8080, "http://127.0.0.1:8080/score"),
        ({"given": at("fe80::1", "8080")}, "fe80::1", 8080, "http://[fe80::1]:8080/score"),
        ({"given": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9"}]}}, "127.0.0.1", 0, None),
        ({"given": {"5001/tcp": None}}, "127.0.0.1", 0, None),
        ({}, "127.0.0.1", 0, None),
    ],
)
def test_an_address_comes_from_the_engine_or_from_the_options(
    network: dict[str, Json], host: str, port: int, uri: str | None
) -> None:
    found = ours("salary", told(**network), DEPLOYMENT)
    assert (found.host, found.port, found.uri) == (host, port, uri)


@pytest.mark.parametrize(("place", "host"), [("tcp://10.0.0.9:2375", "10.0.0.9"), ("ssh://me@box", "box")])
def test_a_container_on_all_addresses_is_reached_at_the_engines_machine(
    monkeypatch: pytest.MonkeyPatch, place: str, host: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", place)
    assert ours("salary", told(given=at("::", "8080")), DEPLOYMENT).host == host


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"lading.service": "salary"},
        {"lading.service": "salary", "lading.target": "prod"},
        {"lading.service": "other", "lading.target": "t"},
    ],
)
def test_a_container_of_another_owner_is_refused(labels: dict[str, str]) -> None:
    with pytest.raises(StageFailed, match="a container salary is on the engine already, and it is not this target's"):
        ours("salary", told(labels=labels), DEPLOYMENT)
    with pytest.raises(StageFailed, match="it is left alone"):
        ours("salary", {**told(), "Config": {"Labels": None}}, DEPLOYMENT)


ENDED = "exited with exit code {}"


@pytest.mark.parametrize(
    ("state", "code", "memory", "expected", "detail"),
    [
        ("created", 0, False, State.PENDING, ""),
        ("restarting", 1, False, State.PENDING, "restarting with exit code 1"),
        ("running", 0, False, State.RUNNING, ""),
        ("paused", 0, False, State.STOPPED, "paused with exit code 0"),
        ("removing", 0, False, State.STOPPED, "removing with exit code 0"),
        ("exited", 0, False, State.STOPPED, ENDED.format(0)),
        ("exited", 143, False, State.STOPPED, ENDED.format(143)),
        ("exited", 1, False, State.FAILED, ENDED.format(1)),
        ("exited", 137, True, State.FAILED, ENDED.format(137) + ", out of memory"),
        ("exited", 0, True, State.FAILED, ENDED.format(0) + ", out of memory"),
        ("dead", 137, False, State.FAILED, "dead with exit code 137"),
    ],
)
def test_each_state_of_the_engine_maps_to_a_state_of_lading(
    state: str, code: int, memory: bool, expected: State, detail: str
) -> None:
    found = replace(RUNNING, state=state, exit_code=code, out_of_memory=memory)
    assert _status(found) == Status(state=expected, package_digest="p", model_sha256="m", release_id="r", detail=detail)


@pytest.mark.parametrize(
    ("state", "restarts", "memory", "events", "expected"),
    [
        ("running", 0, False, None, ""),
        ("running", 1, False, [("die", "3")], "its policy restarted it once: exit code 3"),
        (
            "running",
            3,
            False,
            [("die", "1"), ("oom", None), ("die", "137")],
            "its policy restarted it 3 times: out of memory, exit code 137",
        ),
        ("running", 2, True, [], "its policy restarted it 2 times: out of memory"),
        ("running", 2, False, [], "its policy restarted it 2 times"),
        (
            "restarting",
            2,
            False,
            [("die", "0")],
            "restarting with exit code 1; its policy restarted it 2 times: exit code 0",
        ),
    ],
)
def test_status_tells_how_often_and_why_the_engine_restarted_a_container(
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    restarts: int,
    memory: bool,
    events: list[tuple[str, str | None]] | None,
    expected: str,
) -> None:
    known = [{"Action": action, "Actor": {"Attributes": {"exitCode": code}}} for action, code in events or []]
    body = "".join(f"{json.dumps(event)}\n" for event in known).encode()
    with server(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body, asked=events is not None) as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        found = replace(RUNNING, state=state, exit_code=1, restarts=restarts, out_of_memory=memory)
        assert _status(found).detail == expected


@pytest.mark.parametrize(
    ("found", "networked", "expected"),
    [
        (None, False, NoScoringUri(reason="it has no container")),
        (RUNNING, False, ScoringUri(uri="http://127.0.0.1:8080/score", needs_key=False)),
        (
            RUNNING,
            True,
            ScoringUri(uri="http://127.0.0.1:8080/score", internal="http://salary:5001/score", needs_key=False),
        ),
        (
            replace(RUNNING, labels={**RUNNING.labels, "lading.auth": "key"}),
            False,
            ScoringUri(uri="http://127.0.0.1:8080/score", needs_key=True),
        ),
        (
            replace(RUNNING, state="exited"),
            True,
            NoScoringUri(reason="the container salary is exited; `lading deploy` starts it again"),
        ),
        (
            replace(RUNNING, port=0),
            False,
            NoScoringUri(reason="the container salary is running; `lading deploy` starts it again"),
        ),
    ],
)
def test_a_running_container_has_its_address(
    found: Container | None, networked: bool, expected: ScoringUri | NoScoringUri
) -> None:
    assert _scoring_uri(found, networked=networked) == expected


def test_a_missing_container_is_absent_and_a_missing_engine_is_transient() -> None:
    assert _status(None) == Status(state=State.ABSENT)
    with pytest.raises(Transient, match="no container engine answers at unix:///nowhere"):
        lading_status(DEPLOYMENT)


def test_a_log_continues_after_the_time_of_its_last_line() -> None:
    text = "2026-01-01T12:00:00.1Z one\n2026-01-01T12:00:00.25Z two\n2026-01-01T12:00:00.3Z \n"
    assert fresh(text, "") == (("one", "two", ""), "2026-01-01T12:00:00.3Z")
    assert fresh(text, "2026-01-01T12:00:00.1Z") == (("two", ""), "2026-01-01T12:00:00.3Z")
    assert fresh(text, "2026-01-01T12:00:00.300000000Z") == ((), "2026-01-01T12:00:00.300000000Z")
    assert fresh("2026-01-01T12:00:00.300000000Z again\n", "2026-01-01T12:00:00.3Z")[0] == ()
    assert fresh("", "") == ((), "")


@pytest.mark.parametrize("sign", ["\r", "\x0b", "\x1c", "\u2028", "\x85"])
def test_a_line_may_contain_other_line_separators(sign: str) -> None:
    """A progress bar writes carriage returns. The text after one is not the time of a line."""
    text = f"2026-01-01T12:00:00.1Z 10 %{sign}20 % done\n2026-01-01T12:00:01Z ok\n"
    assert fresh(text, "") == ((f"10 %{sign}20 % done", "ok"), "2026-01-01T12:00:01Z")
    assert fresh(text, "2026-01-01T12:00:00.1Z")[0] == ("ok",)


def test_times_with_an_offset_are_compared_as_times() -> None:
    """Podman writes local times. These can go back an hour when summer time ends."""
    text = "2026-10-25T02:59:59.5+02:00 summer\n2026-10-25T02:00:00.25+01:00 winter\n"
    assert fresh(text, "2026-10-25T02:59:59.5+02:00")[0] == ("winter",)


@given(st.lists(st.integers(0, 10**9 - 1), unique=True, min_size=1), st.data())
def test_every_line_is_read_once(nanoseconds: list[int], data: st.DataObject) -> None:
    """The engine may cut trailing zeros off a fraction."""
    times = [f"2026-01-01T12:00:00.{n:09}".rstrip("0").rstrip(".") + "Z" for n in sorted(nanoseconds)]
    text = "".join(f"{time} line {number}\n" for number, time in enumerate(times))
    number = data.draw(st.integers(0, len(times) - 1))
    assert fresh(text, times[number])[0] == tuple(f"line {later}" for later in range(number + 1, len(times)))


@pytest.mark.parametrize(
    "started",
    [
        lambda now: now.isoformat(),
        lambda now: now.strftime("%Y-%m-%dT%H:%M:%S.123456789Z"),
        lambda now: now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda now: (now.astimezone(tz=None) + timedelta(0)).isoformat(),
        lambda now: (now + timedelta(hours=-5)).strftime("%Y-%m-%dT%H:%M:%S-05:00"),
        lambda now: (now + timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M:%S.5+09:00"),
    ],
)
def test_the_time_since_a_start_does_not_depend_on_the_engines_time_zone(started: Any) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert 3598 < seconds_since(started(an_hour_ago)) < 3660


UNREADABLE = [
    "",
    "2026-13-01T00:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00+99:00",
    "\u0662\u0660\u0662\u0666-01-01T00:00:00Z",
    "2026-01-01 00:00:00 +0200 CEST",
    "2026-01-01T00:00:00",
]


@pytest.mark.parametrize("time", UNREADABLE)
def test_an_unreadable_time_counts_as_none(time: str) -> None:
    text = f"{time} odd\n2026-01-01T00:00:01Z ok\n"
    assert fresh(text, "2025-01-01T00:00:00Z")[0] == ("ok",)
    assert fresh("2026-01-01T00:00:01Z ok\n", time) == (("ok",), "2026-01-01T00:00:01Z")
    assert seconds_since(time) == 0


@contextmanager
def server(answer: bytes, *, asked: bool = True) -> Iterator[int]:
    """A server that answers one connection with these bytes. If it is not `asked`, nothing may connect."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with closing(connection):
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        if asked:
            thread.start()
        yield listener.getsockname()[1]
        if asked:
            thread.join()


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", True),
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", False),
        (b"SSH-2.0-OpenSSH\r\n", False),
        (b"", False),
    ],
)
def test_a_container_is_up_when_it_responds_correctly(answer: bytes, healthy: bool) -> None:
    with server(answer) as port:
        assert answers(replace(RUNNING, port=port)) == healthy


@pytest.mark.parametrize("change", [{"state": "created"}, {"state": "exited"}, {"port": 0}])
def test_a_container_that_cannot_respond_gets_no_request(change: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        assert not answers(replace(RUNNING, **{"port": listener.getsockname()[1], **change}))
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_container_without_a_listener_is_not_up() -> None:
    assert not answers(replace(RUNNING, port=free_port("127.0.0.1")))


def test_a_free_port_is_accepted() -> None:
    port = free_port("127.0.0.1")
    refuse_used("127.0.0.1", port, None)
    socket.create_server(("127.0.0.1", port)).close()


def test_a_port_in_use_is_refused_except_for_the_container_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for serving in (None, RUNNING, replace(RUNNING, port=0)):
            with pytest.raises(StageFailed, match=f"port {port} of 127.0.0.1 is in use") as caught:
                refuse_used("127.0.0.1", port, serving)
            assert caught.value.hint == "free it, or name another host or port under the target"
        refuse_used("127.0.0.1", port, replace(RUNNING, port=port))
        refuse_used("127.0.0.1", 0, None)
        monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.9:2375")
        refuse_used("127.0.0.1", port, None)


def test_keys_that_another_store_has_are_replaced_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    protected = replace(RUNNING, labels={**LABELS, "lading.auth": "key"})
    found = {"salary": protected, "salary.next": None, "salary.candidate": replace(protected, id="c2")}
    monkeypatch.setattr(keys, "find", lambda name, _deployment: found[name])
    context = MemoryContext(tmp_path)
    made = keys.content(DEPLOYMENT, context, "c2")
    (warning,) = context.warnings
    assert "this store does not have the keys of salary: it gets new ones" in warning
    assert keys.content(DEPLOYMENT, context, "c2") == made
    assert len(context.warnings) == 1


def test_the_first_keys_of_a_service_are_made_without_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    protected = replace(RUNNING, labels={**LABELS, "lading.auth": "key"})
    monkeypatch.setattr(keys, "find", lambda name, _deployment: protected if name == "salary.candidate" else RUNNING)
    context = MemoryContext(tmp_path)
    keys.content(DEPLOYMENT, context, protected.id)
    assert context.warnings == []
