"""The observer `webhook`, from the command line to servers that answer, refuse, hang or are missing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime

from tests.conftest import Shell
from tests.plugins.observers.receiver import IN_TWO_SECONDS, Receiver

MakeProject = Callable[..., Shell]
Start = Callable[..., Receiver]

PAST = "Mon, 01 Jan 2001 00:00"  # on the clock of a receiver
RELEASES = "{plugin: webhook, url_from: HOOK_URL}"


def trained(variable: str, deadline: float = 60) -> str:
    """An observer that receives the event of the training, at the URL in a variable."""
    return f"{{plugin: webhook, url_from: {variable}, events: [stage.finished], deadline: {deadline}}}"


def test_a_release_is_reported_in_the_form_of_slack(make_project: MakeProject, receiver: Start) -> None:
    hook = receiver()
    make_project(RELEASES)("deploy", HOOK_URL=hook.url)
    (posted,) = hook.posted
    assert posted.path == "/services/s3cr3t-p4th"
    assert posted.headers["content-type"] == "application/json"
    assert posted.body == {"text": "price on roll: release.up: release 1"}


def test_a_failure_is_reported_before_the_command_ends_and_without_markup(
    make_project: MakeProject, receiver: Start
) -> None:
    hook, shell = receiver(), make_project(RELEASES)
    shell.write("lading.yaml", (shell.folder / "lading.yaml").read_text().replace("cost.txt", '"<!here>&.txt"'))
    shell.write("<!here>&.txt", "-1")
    shell("train", code=2, HOOK_URL=hook.url)
    (posted,) = hook.posted
    assert posted.body == {"text": "price: stage.failed: &lt;!here&gt;&amp;.txt: -1.0 is below zero"}


def test_a_whole_event_with_custom_headers(make_project: MakeProject, receiver: Start) -> None:
    hook = receiver()
    shell = make_project(
        "{plugin: webhook, url_from: HOOK_URL, format: event, events: [stage.finished],"
        " headers_from: {Authorization: HOOK_TOKEN, X-From: HOOK_FROM}}"
    )
    shell("train", HOOK_URL=hook.url, HOOK_TOKEN="Bearer t0ken", HOOK_FROM="here")
    (posted,) = hook.posted
    assert (posted.headers["authorization"], posted.headers["x-from"]) == ("Bearer t0ken", "here")
    assert posted.body["kind"] == "stage.finished"
    assert (posted.body["service"], posted.body["stage"]) == ("price", "train")
    assert posted.body["fields"]["metrics"] == {"cost": 7.0}
    assert datetime.fromisoformat(posted.body["at"]).tzinfo is not None


def test_a_release_comes_with_its_model_its_metrics_and_the_release_before(
    make_project: MakeProject, receiver: Start
) -> None:
    hook = receiver()
    shell = make_project("{plugin: webhook, url_from: HOOK_URL, format: event, events: [release.up, release.refused]}")
    shell("deploy", HOOK_URL=hook.url)
    shell.write("cost.txt", "8")
    shell("deploy", HOOK_URL=hook.url, code=8)  # its golden request expects 7
    up, refused = (posted.body for posted in hook.posted)
    first = {"model": "rate", "model_version": 1, "metrics": {"cost": 7.0}}
    assert (up["kind"], up["fields"]) == ("release.up", {"release": 1, **first, "previous": None})
    second = {"model": "rate", "model_version": 2, "metrics": {"cost": 8.0}}
    assert (refused["kind"], refused["fields"]) == ("release.refused", {**second, "previous": {"release": 1, **first}})


def test_what_a_webhook_posts_shows_no_secret(make_project: MakeProject, receiver: Start) -> None:
    hook = receiver()
    shell = make_project("{plugin: webhook, url_from: HOOK_URL, format: event, events: [release.up]}")
    text = (shell.folder / "lading.yaml").read_text()
    shell.write(
        "lading.yaml", text.replace("{model: rate}", "{model: '${RATE}', tags: {owner: '${HOSTING_PASSWORD}'}}")
    )
    shell("deploy", HOOK_URL=hook.url, RATE="s3cret-rate")
    (posted,) = hook.posted
    assert posted.body["fields"]["model"] == "${RATE}"
    assert not [word for word in ("s3cret-rate", "c4n4ry", "s3cr3t-p4th") if word in str(posted.body)]


def test_it_tries_again_after_the_requested_pause(make_project: MakeProject, receiver: Start) -> None:
    answers = {
        "FAILS": ((500, {}), 0.5),
        "BUSY": ((429, {"Retry-After": "2"}), 2.0),
        "DATED": ((503, {"Retry-After": IN_TWO_SECONDS}), 1.0),
        "BEHIND": ((503, {"Date": f"{PAST}:00 GMT", "Retry-After": f"{PAST}:02 GMT"}), 2.0),
        "VAGUE": ((429, {"Retry-After": "soon"}), 0.5),
    }
    hooks = {name: receiver(answer) for name, (answer, _) in answers.items()}
    done = make_project(*map(trained, hooks))("train", code=0, **{name: hook.url for name, hook in hooks.items()})
    assert "warning" not in done.err
    for name, (_, pause) in answers.items():
        first, second = hooks[name].posted
        assert second.at - first.at >= pause, name
        assert second.body == first.body


def test_failures_are_reported_without_the_url(make_project: MakeProject, receiver: Start) -> None:
    hooks = {
        "GONE": receiver((404, {})),
        "MOVED": receiver((302, {"Location": "http://127.0.0.1:9/elsewhere"})),
        "LATER": receiver((429, {"Retry-After": "3600"})),
        "HANGS": receiver(None),
    }
    with socket.socket() as taken:  # bound but not listening, so nothing answers there
        taken.bind(("127.0.0.1", 0))
        urls = {name: hook.url for name, hook in hooks.items()} | {
            "ABSENT": f"http://127.0.0.1:{taken.getsockname()[1]}/s3cr3t-p4th",
            "WORD": "s3cr3t-p4th",
            "FILE": "file:///etc/s3cr3t-p4th",
            "BRACKET": "http://[s3cr3t-p4th",
            "SPLIT": "http://127.0.0.1:1/s3cr3t-p4th\r\nX-Evil: 1",
        }
        unanswered = ("HANGS", "ABSENT")
        shell = make_project(*(trained(name, 2 if name in unanswered else 60) for name in (*urls, "UNSET")))
        done = shell("train", "-v", code=0, **urls)
    for problem in (
        "the webhook of GONE refused the message: it answered 404",
        "the webhook of MOVED refused the message: it answered 302",
        "the webhook of LATER did not take the message within 60 s: it answers 429 and asks to wait 3600 s",
        "the webhook of HANGS was not reached within 2 s: it does not answer",
        "the webhook of ABSENT was not reached within 2 s: connection refused",
        "WORD is not a URL that starts with https:// or http://",
        "FILE is not a URL",
        "BRACKET is not a URL",
        "SPLIT has characters that cannot be sent",
        "the environment variable UNSET is not set",
    ):
        assert f"warning: observer 'webhook': {problem}" in done.err
    assert all(len(hook.posted) == 1 for hook in hooks.values())
    assert "s3cr3t" not in done.out + done.err
    for file in (shell.folder / ".lading").rglob("*"):
        assert not file.is_file() or b"s3cr3t" not in file.read_bytes(), file


def test_bad_options_are_reported_at_their_line(make_project: MakeProject) -> None:
    shell = make_project(
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
