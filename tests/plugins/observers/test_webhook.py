"""The observer `webhook`, from the command line to servers that answer, refuse, hang or are not there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime

from receiver import IN_TWO_SECONDS, Receiver
from tests.conftest import Shell

Ferry = Callable[..., Shell]
Start = Callable[..., Receiver]

RELEASES = "{plugin: webhook, url_from: HOOK_URL}"


def trained(variable: str, deadline: float = 60) -> str:
    """An observer that is told of the training, at the URL in a variable."""
    return f"{{plugin: webhook, url_from: {variable}, events: [stage.finished], deadline: {deadline}}}"


def test_a_release_is_told_as_slack_takes_it(ferry: Ferry, receiver: Start) -> None:
    hook = receiver()
    ferry(RELEASES)("deploy", HOOK_URL=hook.url)
    (posted,) = hook.posted
    assert posted.path == "/services/s3cr3t-p4th"
    assert posted.headers["content-type"] == "application/json"
    assert posted.body == {"text": "ferry on quay: release.up: release 1"}


def test_a_failure_is_told_before_the_command_ends_and_is_no_markup(ferry: Ferry, receiver: Start) -> None:
    hook, shell = receiver(), ferry(RELEASES)
    shell.write("lading.yaml", (shell.folder / "lading.yaml").read_text().replace("tons.txt", '"<!here>&.txt"'))
    shell.write("<!here>&.txt", "-1")
    shell("train", code=2, HOOK_URL=hook.url)
    (posted,) = hook.posted
    assert posted.body == {"text": "ferry: stage.failed: &lt;!here&gt;&amp;.txt: -1.0 is below the water line"}


def test_a_whole_event_with_headers_of_its_own(ferry: Ferry, receiver: Start) -> None:
    hook = receiver()
    shell = ferry(
        "{plugin: webhook, url_from: HOOK_URL, format: event, events: [stage.finished],"
        " headers_from: {Authorization: HOOK_TOKEN, X-From: HOOK_FROM}}"
    )
    shell("train", HOOK_URL=hook.url, HOOK_TOKEN="Bearer t0ken", HOOK_FROM="here")
    (posted,) = hook.posted
    assert (posted.headers["authorization"], posted.headers["x-from"]) == ("Bearer t0ken", "here")
    assert posted.body["kind"] == "stage.finished"
    assert (posted.body["service"], posted.body["stage"]) == ("ferry", "train")
    assert posted.body["fields"]["metrics"] == {"tons": 7.0}
    assert datetime.fromisoformat(posted.body["at"]).tzinfo is not None


def test_it_tries_again_after_the_pause_that_is_asked_for(ferry: Ferry, receiver: Start) -> None:
    answers = {
        "FAILS": ((500, {}), 0.5),
        "BUSY": ((429, {"Retry-After": "2"}), 2.0),
        "DATED": ((503, {"Retry-After": IN_TWO_SECONDS}), 1.0),
        "VAGUE": ((429, {"Retry-After": "soon"}), 0.5),
    }
    hooks = {name: receiver(answer) for name, (answer, _) in answers.items()}
    done = ferry(*map(trained, hooks))("train", **{name: hook.url for name, hook in hooks.items()})
    assert "warning" not in done.err
    for name, (_, pause) in answers.items():
        first, second = hooks[name].posted
        assert second.at - first.at >= pause, name
        assert second.body == first.body


def test_what_goes_wrong_is_reported_and_the_url_is_nowhere(ferry: Ferry, receiver: Start) -> None:
    hooks = {
        "GONE": receiver((404, {})),
        "MOVED": receiver((302, {"Location": "http://127.0.0.1:9/elsewhere"})),
        "LATER": receiver((429, {"Retry-After": "3600"})),
        "HANGS": receiver(None),
    }
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        urls = {name: hook.url for name, hook in hooks.items()} | {
            "ABSENT": f"http://127.0.0.1:{taken.getsockname()[1]}/s3cr3t-p4th",
            "WORD": "s3cr3t-p4th",
            "FILE": "file:///etc/s3cr3t-p4th",
            "BRACKET": "http://[s3cr3t-p4th",
            "SPLIT": "http://127.0.0.1:1/s3cr3t-p4th\r\nX-Evil: 1",
        }
        unanswered = ("HANGS", "ABSENT")
        shell = ferry(*(trained(name, 2 if name in unanswered else 60) for name in (*urls, "UNSET")))
        done = shell("train", "-v", **urls)
    for problem in (
        "the webhook of GONE refused the message: it answered 404",
        "the webhook of MOVED refused the message: it answered 302",
        "the webhook of LATER did not take the message within 60 s: it answers 429 and asks to wait 3600 s",
        "the webhook of HANGS was not reached within 2 s: it does not answer",
        "the webhook of ABSENT was not reached within 2 s: connection refused",
        "WORD is no URL that starts with https:// or http://",
        "FILE is no URL",
        "BRACKET is no URL",
        "SPLIT has characters that cannot be sent",
        "the environment variable UNSET is not set",
    ):
        assert f"warning: observer 'webhook': {problem}" in done.err
    assert all(len(hook.posted) == 1 for hook in hooks.values())
    assert "s3cr3t" not in done.out + done.err
    for file in (shell.folder / ".lading").rglob("*"):
        assert not file.is_file() or b"s3cr3t" not in file.read_bytes(), file


def test_bad_options_are_told_at_their_line(ferry: Ferry) -> None:
    shell = ferry(
        "{plugin: webhook}",
        "{plugin: webhook, url_from: H, events: [release.upp]}",
        "{plugin: webhook, url_from: H, format: teams}",
        "{plugin: webhook, url_from: H, deadline: 0}",
        '{plugin: webhook, url_from: H, headers_from: {"a b": H}}',
    )
    err = shell("check", code=2).err
    assert "lading.yaml:7:13: observers.0.url_from: missing key" in err
    assert "observers.1.events.0: " in err
    assert "observers.2.format: " in err
    assert "observers.3.deadline: " in err
    assert "observers.4.headers_from: 'a b' cannot be the name of a header" in err
