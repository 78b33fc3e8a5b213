"""The observer `webhook`, from the command line to a server that answers, refuses, hangs or is not there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from receiver import IN_TWO_SECONDS, Receiver
from tests.conftest import Done, Shell

Ferry = Callable[[str], Shell]

TRAINED = "{plugin: webhook, url_from: HOOK_URL, events: [stage.finished], deadline: 5}"
IMPATIENT = TRAINED.replace("5}", "0.7}")


def test_a_release_is_told_as_slack_takes_it(ferry: Ferry, receiver: Receiver) -> None:
    ferry("{plugin: webhook, url_from: HOOK_URL}")("deploy", HOOK_URL=receiver.url)
    (posted,) = receiver.posted
    assert posted.path == "/services/s3cr3t-p4th"
    assert posted.headers["content-type"] == "application/json"
    assert posted.body == {"text": "ferry on quay: release.up: release 1"}


def test_a_failure_is_told_before_the_command_ends(ferry: Ferry, receiver: Receiver) -> None:
    shell = ferry("{plugin: webhook, url_from: HOOK_URL}")
    shell.write("tons.txt", "-1")
    shell("train", code=2, HOOK_URL=receiver.url)
    (posted,) = receiver.posted
    assert posted.body == {"text": "ferry: stage.failed: tons.txt: -1.0 is below the water line"}


def test_slack_reads_no_markup_in_what_a_plugin_says(ferry: Ferry, receiver: Receiver) -> None:
    shell = ferry("{plugin: webhook, url_from: HOOK_URL}")
    shell.write("lading.yaml", (shell.folder / "lading.yaml").read_text().replace("tons.txt", '"<!here>&.txt"'))
    shell.write("<!here>&.txt", "-1")
    shell("train", code=2, HOOK_URL=receiver.url)
    assert "&lt;!here&gt;&amp;.txt: -1.0" in receiver.posted[0].body["text"]


def test_a_whole_event_with_headers_of_its_own(ferry: Ferry, receiver: Receiver) -> None:
    shell = ferry(
        "{plugin: webhook, url_from: HOOK_URL, format: event, events: [stage.finished],"
        " headers_from: {Authorization: HOOK_TOKEN, X-From: HOOK_FROM}}"
    )
    shell("train", HOOK_URL=receiver.url, HOOK_TOKEN="Bearer t0ken", HOOK_FROM="here")
    (posted,) = receiver.posted
    assert (posted.headers["authorization"], posted.headers["x-from"]) == ("Bearer t0ken", "here")
    assert posted.body["kind"] == "stage.finished"
    assert (posted.body["service"], posted.body["stage"]) == ("ferry", "train")
    assert posted.body["fields"]["metrics"] == {"tons": 7.0}
    assert datetime.fromisoformat(posted.body["at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        ((500, {}), 0.5),
        ((429, {"Retry-After": "2"}), 2.0),
        ((503, {"Retry-After": IN_TWO_SECONDS}), 1.0),
        ((429, {"Retry-After": "soon"}), 0.5),
    ],
)
def test_it_tries_again_after_the_pause_that_is_asked_for(
    ferry: Ferry, receiver: Receiver, answer: tuple[int, dict[str, str]], pause: float
) -> None:
    receiver.answers = [answer]
    assert "warning" not in ferry(TRAINED)("train", HOOK_URL=receiver.url).err
    first, second = receiver.posted
    assert second.at - first.at >= pause
    assert second.body == first.body


def test_a_pause_past_the_deadline_is_not_begun(ferry: Ferry, receiver: Receiver) -> None:
    receiver.answers = [(429, {"Retry-After": "3600"})]
    done = reported(ferry(TRAINED), receiver.url)
    assert "did not take the message within 5 s: it answers 429 and asks to wait 3600 s" in done.err
    assert len(receiver.posted) == 1


def test_a_server_that_hangs_costs_no_more_than_the_deadline(ferry: Ferry, receiver: Receiver) -> None:
    receiver.answers = [None]
    assert "was not reached within 0.7 s: it does not answer" in reported(ferry(IMPATIENT), receiver.url).err


def test_a_server_that_is_not_there(ferry: Ferry) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/s3cr3t-p4th"
        assert "was not reached within 0.7 s: connection refused" in reported(ferry(IMPATIENT), url).err


@pytest.mark.parametrize("answer", [(404, {}), (302, {"Location": "http://127.0.0.1:9/elsewhere"}), (401, {})])
def test_a_refusal_is_not_tried_again(ferry: Ferry, receiver: Receiver, answer: tuple[int, dict[str, str]]) -> None:
    receiver.answers = [answer]
    assert f"refused the message: it answered {answer[0]}" in reported(ferry(TRAINED), receiver.url).err
    assert len(receiver.posted) == 1


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (None, "the environment variable HOOK_URL is not set"),
        ("s3cr3t-p4th", "HOOK_URL is no URL that starts with https:// or http://"),
        ("file:///etc/s3cr3t-p4th", "HOOK_URL is no URL"),
        ("http://[s3cr3t-p4th", "HOOK_URL is no URL"),
        ("http://127.0.0.1:1/s3cr3t-p4th\r\nX-Evil: 1", "HOOK_URL has characters that cannot be sent"),
    ],
)
def test_a_url_that_cannot_be_used_is_not_shown(ferry: Ferry, url: str | None, problem: str) -> None:
    assert problem in reported(ferry(TRAINED), url).err


@pytest.mark.parametrize(
    ("observer", "problem"),
    [
        ("{plugin: webhook}", "lading.yaml:8:5: observers.0.url_from: missing key"),
        ("{plugin: webhook, url_from: H, events: [release.upp]}", "lading.yaml:8:"),
        ("{plugin: webhook, url_from: H, format: teams}", "lading.yaml:8:"),
        ("{plugin: webhook, url_from: H, deadline: 0}", "lading.yaml:8:"),
        ('{plugin: webhook, url_from: H, headers_from: {"a b": H}}', "'a b' cannot be the name of a header"),
    ],
)
def test_bad_options_are_told_at_their_line(ferry: Ferry, observer: str, problem: str) -> None:
    assert problem in ferry(observer)("check", code=2).err


def reported(shell: Shell, url: str | None) -> Done:
    """A train whose observer fails: it ends well all the same, and the URL is nowhere."""
    done = shell("train", "-v", **({"HOOK_URL": url} if url else {}))
    assert "warning: observer 'webhook': " in done.err
    assert "s3cr3t" not in done.out + done.err
    for file in Path(shell.folder / ".lading").rglob("*"):
        assert not file.is_file() or b"s3cr3t" not in file.read_bytes(), file
    return done
