"""The requests of a webhook, its retries, and the records of a log, without a command and without a network."""

from __future__ import annotations

import json
import os
import socket
import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import BadStatusLine
from pathlib import Path
from typing import Any, get_args
from urllib.error import URLError

import pytest
from tests.hook_kit import MemoryContext

from lading import BadInput, Event, EventKind, LadingError, StageFailed, Transient, __version__
from lading_eventlog import EventlogOptions
from lading_eventlog import lading_observe as write
from lading_eventlog.record import log_record
from lading_webhook import lading_observe as post
from lading_webhook.options import WebhookOptions
from lading_webhook.posting import Reply, _failure, _is_web_address, _why, body

AT = datetime(2024, 2, 29, 12, 30, 0, 123456, tzinfo=UTC)
UP = Event(
    kind="release.up",
    at=AT,
    service="price",
    stage="deploy",
    target="roll",
    detail="release 3",
    fields={"release": 3, "uri": "http://a"},
)
PLAIN = Event(kind="stage.started", at=AT, service="price")


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (UP, "price on roll: release.up: release 3"),
        (PLAIN, "price: stage.started"),
        (Event(kind="warning", at=AT, service="a", detail='<b> & "c"'), 'a: warning: &lt;b&gt; &amp; "c"'),
        (Event(kind="warning", at=AT, service="a", target="<t>"), "a on &lt;t&gt;: warning"),
    ],
)
def test_a_message_for_slack_is_one_line_without_markup(event: Event, text: str) -> None:
    assert body(event, "slack") == {"text": text}


def test_a_whole_event_is_sent_unchanged() -> None:
    assert json.loads(json.dumps(body(UP, "event"))) == {
        "text": "price on roll: release.up: release 3",
        "kind": "release.up",
        "at": "2024-02-29T12:30:00.123456+00:00",
        "service": "price",
        "stage": "deploy",
        "target": "roll",
        "detail": "release 3",
        "fields": {"release": 3, "uri": "http://a"},
    }


def test_only_for_slack_are_its_characters_escaped() -> None:
    event = Event(kind="warning", at=AT, service="a", detail="<b>")
    assert body(event, "event")["text"] == "a: warning: <b>"


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://a.example/b?c", True),
        ("http://127.0.0.1:8080/", True),
        ("http://[::1]/", True),
        ("HTTPS://A", True),
        ("ftp://a", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("https:///path", False),
        ("a.example", False),
        ("http://a:0/", False),
        ("http://a:99999/", False),
        ("http://a:b/", False),
        ("http://[::1", False),
        ("http://a b/", False),
        ("", False),
    ],
)
def test_an_address_of_the_web_has_a_scheme_and_a_host(url: str, is_one: bool) -> None:
    assert _is_web_address(url) is is_one


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (TimeoutError("timed out"), "it does not answer"),
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (ssl.SSLCertVerificationError("certificate of https://s3cret"), "sslcertverificationerror"),
        (BadStatusLine("https://s3cret"), "badstatusline"),
        (URLError("https://s3cret"), "urlerror"),
    ],
)
def test_a_missing_answer_is_explained_without_the_address(cause: Exception, words: str) -> None:
    assert _why(cause) == words


OPTIONS = WebhookOptions(url_from="HOOK", deadline=8.0)


@pytest.mark.parametrize(
    ("reply", "failure", "message"),
    [
        (Reply(0, "connection refused"), Transient, "was not reached within 8 s: connection refused"),
        (Reply(404, "Not Found"), StageFailed, "refused the message: it answered 404"),
        (Reply(301, ""), StageFailed, "refused the message: it answered 301"),
        (Reply(501, ""), StageFailed, "refused the message: it answered 501"),
        (Reply(500, ""), Transient, "did not take the message within 8 s: it answers 500"),
        (Reply(429, "", 90.4), Transient, "within 8 s: it answers 429 and asks to wait 90 s"),
        (Reply(429, "", 0.0), Transient, "within 8 s: it answers 429"),
    ],
)
def test_a_failure_is_final_or_transient(reply: Reply, failure: type[LadingError], message: str) -> None:
    found = _failure(reply, OPTIONS)
    assert type(found) is failure
    assert found.message.startswith("the webhook of HOOK ")
    assert found.message.endswith(message)


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ({"HOOK": "ftp://a/s3cret", "T": "t"}, "HOOK is not a URL that starts with https:// or http://"),
        ({"HOOK": "http://a/\ns3cret", "T": "t"}, "HOOK has characters that cannot be sent"),
        ({"HOOK": "http://a/é", "T": "t"}, "HOOK has characters that cannot be sent"),
        ({"HOOK": "http://a/", "T": "s3cret\r\nX-Evil: 1"}, "T has characters that cannot be sent"),
    ],
)
def test_an_unusable_value_is_reported_with_the_name_of_its_variable(secrets: dict[str, str], message: str) -> None:
    options = WebhookOptions(url_from="HOOK", headers_from={"Authorization": "T"}, events=("release.up",))
    with pytest.raises(BadInput) as caught:
        post(event=UP, options=options, context=MemoryContext(Path(), variables=secrets))
    assert caught.value.message == message


def test_an_event_that_is_not_selected_needs_no_address() -> None:
    post(event=PLAIN, options=OPTIONS, context=MemoryContext(Path()))


def test_by_default_a_webhook_receives_results_of_releases_and_failures() -> None:
    kinds = {kind for kind in get_args(EventKind) if kind.startswith("release.")} | {"stage.failed"}
    assert set(OPTIONS.events) == kinds


def test_the_whole_record_of_an_event() -> None:
    assert log_record(UP) == {
        "time_unix_nano": 1709209800123456000,
        "severity_number": 9,
        "severity_text": "INFO",
        "event_name": "lading.release.up",
        "body": "release 3",
        "attributes": {
            "lading.stage": "deploy",
            "deployment.environment.name": "roll",
            "lading.release": 3,
            "lading.uri": "http://a",
        },
        "resource": {"service.name": "price"},
        "scope": {"name": "lading", "version": __version__},
    }


SEVERITIES = {
    "progress": ("DEBUG", 5),
    "warning": ("WARN", 13),
    "stage.started": ("INFO", 9),
    "stage.reused": ("INFO", 9),
    "stage.finished": ("INFO", 9),
    "stage.failed": ("ERROR", 17),
    "release.up": ("INFO", 9),
    "release.canary": ("INFO", 9),
    "release.refused": ("ERROR", 17),
    "release.rolled_back": ("WARN", 13),
    "release.promoted": ("INFO", 9),
    "release.aborted": ("WARN", 13),
    "release.deleted": ("INFO", 9),
}


def test_every_kind_has_its_severity() -> None:
    assert set(SEVERITIES) == set(get_args(EventKind))
    for kind in get_args(EventKind):
        record = log_record(Event(kind=kind, at=AT, service="a"))
        assert (record["severity_text"], record["severity_number"]) == SEVERITIES[kind]
        assert (record["body"], record["attributes"]) == (kind, {})


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_is_added_for_each_selected_event(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text('{"earlier": true}\n')
    for event in (UP, PLAIN, UP):
        write(event=event, options=EventlogOptions(file=file, events=("release.up",)))
    assert lines(file) == [{"earlier": True}, log_record(UP), log_record(UP)]


def test_a_field_that_is_not_json_is_written_as_text(tmp_path: Path) -> None:
    event = Event(kind="warning", at=AT, service="a", fields={"file": Path("/a/b")})
    write(event=event, options=EventlogOptions(file=tmp_path / "events"))
    assert lines(tmp_path / "events")[0]["attributes"] == {"lading.file": "/a/b"}
    assert stat.S_IMODE((tmp_path / "events").stat().st_mode) == 0o600


def _fifo(file: Path) -> None:
    os.mkfifo(file)


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (Path.mkdir, "is a directory"),
        (_fifo, "no such device or address"),
        (lambda file: file.symlink_to(file), "too many levels of symbolic links"),
    ],
)
def test_a_log_that_cannot_be_written_is_named_without_a_wait(
    tmp_path: Path, plant: Callable[[Path], None], reason: str
) -> None:
    file = tmp_path / "events"
    plant(file)
    with pytest.raises(Transient) as caught:
        write(event=UP, options=EventlogOptions(file=file))
    assert caught.value.message == f"{file} cannot be written: {reason}"
