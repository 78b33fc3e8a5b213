"""A release is up only if the target shows it: the answers of a third-party plugin are verified."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.conftest import Shell

MANIFEST = """\
version: 1
name: {name}
train: {{plugin: constant, data: cost.txt}}
register: {{model: rate}}
package:
  plugin: constant
  samples: [{{request: 1, response: [7], tolerance: {tolerance}}}]
connections: {{hosting: {{region: north}}}}
target: t
targets:
  t: {{plugin: {plugin}}}
"""
WIDE, NARROW = "0.2", "0.01"


@pytest.fixture
def project(shell: Shell, install: Callable[[str], Path]) -> Iterator[Shell]:
    shell.env |= {"PYTHONPATH": f"{install('thirdparty')}:{install('liar')}", "HOSTING_PASSWORD": "c4n4ry"}
    shell.write("cost.txt", "7")
    yield shell
    for manifest in shell.folder.glob("*.yaml"):
        shell("delete", manifest.name, code=None)


def describe(project: Shell, plugin: str, tolerance: str = WIDE, name: str = "price") -> str:
    project.write(f"{name}.yaml", MANIFEST.format(name=name, plugin=plugin, tolerance=tolerance))
    return f"{name}.yaml"


@pytest.mark.slow
def test_edited_samples_are_not_asked_without_a_readable_key(project: Shell) -> None:
    describe(project, "capable")
    project("deploy", "price.yaml")
    edited = MANIFEST.replace("samples: [", "samples: [{{request: 2, response: [7]}}, ")
    project.write("price.yaml", edited.format(name="price", plugin="capable", tolerance=WIDE))
    done = project("deploy", "price.yaml", HOOK_FAULT="lading_keys:hides-key")
    assert "release 1 stays up, and was not asked the changed samples: this sign-in lacks the action" in done.err
    assert len(project("history", "price.yaml", "--json").json()[0]["golden_requests"]) == 1
    assert "because they have changed" in project("deploy", "price.yaml").err
    assert len(project("history", "price.yaml", "--json").json()[0]["golden_requests"]) == 2


def test_a_candidate_that_cannot_be_asked_is_refused(project: Shell) -> None:
    log = project.folder / "hooks.log"
    fault = {"HOOK_FAULT": "lading_keys:raises", "HOOK_LOG": str(log)}
    done = project("deploy", describe(project, "capable"), code=6, **fault)
    assert "the connection broke" in done.err
    deploys = [facts for hook, facts in map(json.loads, log.read_text().splitlines()) if hook == "lading_deploy"]
    assert deploys[-1]["verdict"] is False, "the target removes it"
    assert states(project) == ["failed"]


def test_a_candidate_whose_removal_was_interrupted_stays_open(project: Shell) -> None:
    manifest = describe(project, "capable")
    done = project("deploy", manifest, code=5, HOOK_FAULT="lading_keys:raises-then-busy")
    assert "the platform is busy" in done.err
    assert states(project) == ["pending"]
    project("deploy", manifest)
    assert states(project) == ["up"]


def up(project: Shell, plugin: str) -> None:
    """Deploy an honest first release, and give the next release another package."""
    project("deploy", describe(project, plugin))
    project.write("cost.txt", "8")


def states(project: Shell, manifest: str = "price.yaml") -> list[str]:
    return [row["state"] for row in project("history", manifest, "--json").json()]


def answer(project: Shell) -> str:
    return project("score", "price.yaml", "-d", "1").out.strip()


def test_ready_at_once_although_nothing_runs(project: Shell) -> None:
    done = project("deploy", describe(project, "hasty"), code=6, LIES="1")
    assert "release 1 of price on 't' is not up: target 'hasty' (lading-liar 0.1) returned Ready" in done.err
    assert "its status is absent" in done.err
    assert states(project) == ["failed"]
    project("deploy", "price.yaml")
    assert (states(project), answer(project)) == (["up", "failed"], "[7.0]")


@pytest.mark.slow
def test_ready_while_the_old_package_serves(project: Shell) -> None:
    up(project, "hasty")
    done = project("deploy", "price.yaml", code=6, LIES="1")
    assert "its status shows package" in done.err
    assert (states(project), answer(project)) == (["failed", "up"], "[7.0]")


@pytest.mark.slow
def test_ready_for_another_package_and_the_old_one_is_deployed_again(project: Shell) -> None:
    up(project, "impostor")
    done = project("deploy", "price.yaml", code=6, LIES="1")
    assert "its status shows package ffffffffffff" in done.err
    assert states(project) == ["failed", "failed", "up"]  # the plugin lies about the old package too
    project.write("cost.txt", "7")
    project("deploy", "price.yaml")
    assert (states(project)[0], answer(project)) == ("up", "[7.0]")


@pytest.mark.slow
@pytest.mark.parametrize(("plugin", "said"), [("stubborn", "Ready"), ("hopeful", "Candidate")])
def test_a_refused_verdict_is_not_overruled(project: Shell, plugin: str, said: str) -> None:
    up(project, plugin)
    describe(project, plugin, NARROW)
    done = project("deploy", "price.yaml", code=6)
    assert f"returned {said} after a refused verdict: golden request 1 (1): response[0] is 8.0" in done.err
    assert answer(project) == "[7.0]"
    assert states(project).count("up") == 1
    (serving,) = [row for row in project("history", "price.yaml", "--json").json() if row["state"] == "up"]
    assert serving["model_version"] == 1


@pytest.mark.slow
def test_a_release_that_serves_before_it_has_answered_is_replaced_by_the_old_one(project: Shell) -> None:
    up(project, "rash")
    describe(project, "rash", NARROW)
    done = project("deploy", "price.yaml", code=8)
    assert "golden request 1 (1): response[0] is 8.0" in done.err
    assert "release 1 serves again, as release 3" in done.err
    assert "still serves" not in done.err
    assert (states(project), answer(project)) == (["up", "failed", "superseded"], "[7.0]")


def test_a_status_that_raises_does_not_count_as_up(project: Shell) -> None:
    done = project("deploy", describe(project, "silent"), code=6, LIES="1")
    assert "no words" in done.err
    assert states(project) == ["failed"]


def test_the_status_of_another_service_is_not_accepted(project: Shell) -> None:
    project("deploy", describe(project, "neighbour", name="third"))
    project.write("cost.txt", "8")
    done = project("deploy", describe(project, "neighbour"), code=6, LIES="1")
    assert "its status shows package" in done.err
    assert states(project) == ["failed"]
    assert states(project, "third.yaml") == ["up"]


@pytest.mark.slow
def test_a_target_without_status_is_checked_at_its_public_address(project: Shell) -> None:
    up(project, "secretive")
    described = project.folder / describe(project, "secretive", NARROW)
    described.write_text(described.read_text().replace("[7]", "[8]"))
    done = project("deploy", "price.yaml", code=6, LIES="1")
    assert "does not serve the release: golden request 1 (1): response[0] is 7.0, expected 8" in done.err
    assert "release 1 serves again, as release 3" in done.err
    assert (states(project), answer(project)) == (["up", "failed", "superseded"], "[7.0]")


def without_samples(project: Shell, plugin: str) -> str:
    """Write a manifest that has no golden requests."""
    described = project.folder / describe(project, plugin)
    lines = described.read_text().splitlines(keepends=True)
    described.write_text("".join(line for line in lines if not line.startswith("  samples:")))
    return described.name


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[str, list[str]]]:
    """A service that answers with each status in turn, and then with the last one: its address, and the requests."""
    asked: list[str] = []
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.requestline.removesuffix(" HTTP/1.1"))
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/score", asked
        server.shutdown()


def nothing_there() -> str:
    """An address at which nothing listens."""
    with answering(200) as (address, _asked):
        return address


def test_a_target_without_status_and_without_an_address_cannot_be_up(project: Shell) -> None:
    done = project("deploy", describe(project, "without-address"), code=6)
    assert "release 1 of price on 't' is not up: target 'without-address' (lading-liar 0.1) returned Ready" in done.err
    assert "it has neither a status nor a scoring URI: it answers inside its network" in done.err
    assert "declare the capability `status`, or return an address from lading_scoring_uri" in done.err
    assert states(project) == ["failed"]


@pytest.mark.slow
def test_without_golden_requests_a_service_at_which_nothing_listens_is_not_up(project: Shell) -> None:
    address = nothing_there()
    done = project("deploy", without_samples(project, "unreachable"), "--timeout", "15", code=6, LIES=address)
    assert f"returned Ready, and it was not ready in time: {address} does not answer" in done.err
    assert states(project) == ["failed"]


@pytest.mark.parametrize(("plugin", "count"), [("unreachable", 1), ("unreachable-candidate", 2)])
def test_without_golden_requests_any_http_answer_shows_that_a_service_is_up(
    project: Shell, plugin: str, count: int
) -> None:
    manifest = without_samples(project, plugin)
    with answering(404) as (address, asked):
        project("deploy", manifest, LIES=address)
        assert asked == ["GET /score"] * count
        project("deploy", manifest, LIES=address)
        assert asked == ["GET /score"] * (count + 1)
    assert states(project) == ["up"]


@pytest.mark.slow
def test_without_golden_requests_a_release_that_no_longer_answers_is_deployed_again(project: Shell) -> None:
    manifest = without_samples(project, "unreachable")
    with answering(200) as (address, _asked):
        project("deploy", manifest, LIES=address)
    done = project("deploy", manifest, "--timeout", "15", code=6, LIES=address)
    assert f"returned Ready, and it was not ready in time: {address} does not answer" in done.err
    assert states(project) == ["failed", "failed", "up"]  # the release before it does not answer either


def test_a_release_that_is_not_ready_is_asked_again_until_it_answers(project: Shell) -> None:
    manifest = without_samples(project, "unreachable-candidate")
    with answering(503, 502, 404) as (address, asked):
        done = project("deploy", manifest, LIES=address)
    assert f"waiting until it answers · {address} answered 503" in done.err
    assert len(asked) == 4  # as a candidate until it is ready, and then at its address
    assert states(project) == ["up"]


@pytest.mark.slow
def test_without_golden_requests_a_candidate_at_which_nothing_listens_is_refused(project: Shell) -> None:
    address = nothing_there()
    done = project("deploy", without_samples(project, "unreachable-candidate"), "--timeout", "15", code=8, LIES=address)
    assert f"{address} does not answer" in done.err
    assert states(project) == ["failed"]


@pytest.mark.slow
def test_an_address_that_raises_does_not_prove_that_the_old_release_serves(project: Shell) -> None:
    up(project, "secretive")
    done = project("deploy", "price.yaml", code=6, HOOK_FAULT="lading_scoring_uri:raises")
    assert "restoring release 1" in done.err
    assert (states(project), answer(project)) == (["failed", "failed", "up"], "[7.0]")


def test_a_pending_status_is_checked_again(project: Shell) -> None:
    project("deploy", describe(project, "slow"))
    assert (states(project), answer(project)) == (["up"], "[7.0]")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plugin", "code", "said"), [("wasteful", 8, "no more room"), ("garbled", 6, "returned str from lading_deploy")]
)
def test_a_target_that_did_not_keep_the_old_release_gets_it_again(
    project: Shell, plugin: str, code: int, said: str
) -> None:
    up(project, plugin)
    done = project("deploy", "price.yaml", code=code, LIES="1")
    assert said in done.err
    assert "release 1 serves again, as release 3" in done.err
    assert "still serves" not in done.err
    assert (states(project), answer(project)) == (["up", "failed", "superseded"], "[7.0]")


def test_a_release_with_the_package_of_the_old_one_and_other_options_is_undone(project: Shell) -> None:
    project("deploy", describe(project, "garbled"))
    written = (project.folder / "price.yaml").read_text()
    project.write("price.yaml", written.replace("{plugin: garbled}", "{plugin: garbled, disks: 2}"))
    done = project("deploy", "price.yaml", code=6, LIES="1")
    assert "release 1 serves again, as release 3" in done.err
    assert states(project) == ["up", "failed", "superseded"]


def test_an_address_that_is_not_of_http_is_never_asked(project: Shell) -> None:
    up(project, "misdirected")
    secret = project.write("secret.json", "[8]").as_uri()
    done = project("deploy", "price.yaml", code=6, LIES=secret)
    assert "target 'misdirected' (lading-liar 0.1) returned a wrong answer from lading_deploy" in done.err
    assert f"Candidate.uri is '{secret}', which is not an http address" in done.err
    assert (states(project), answer(project)) == (["failed", "up"], "[7.0]")
    done = project("score", "price.yaml", "-d", "1", code=6, LIES=secret)
    assert "returned a wrong answer from lading_scoring_uri" in done.err


def test_done_while_the_service_still_runs(project: Shell) -> None:
    up(project, "careless")
    done = project("delete", "price.yaml", code=6, LIES="1")
    assert "price on 't' is not deleted: target 'careless' (lading-liar 0.1) returned Done" in done.err
    assert "its status is running" in done.err
    assert (states(project), answer(project)) == (["up"], "[7.0]")
    project("delete", "price.yaml")
    assert states(project) == ["deleted"]


def test_a_status_that_raises_is_not_taken_for_deleted(project: Shell) -> None:
    up(project, "hasty")
    project("delete", "price.yaml", code=6, HOOK_FAULT="lading_status:raises")
    assert states(project) == ["up"]


def test_done_is_believed_of_a_target_without_status(project: Shell) -> None:
    up(project, "hidden")
    project("delete", "price.yaml", LIES="1")
    assert states(project) == ["deleted"]


def test_a_status_that_is_still_pending_after_a_delete_is_asked_again(project: Shell) -> None:
    project("deploy", describe(project, "slow"))
    done = project("delete", "price.yaml")
    assert "waiting for the status" in done.err
    assert states(project) == ["deleted"]


def test_a_status_that_stays_pending_after_a_delete_leaves_the_outcome_open(project: Shell) -> None:
    project("deploy", describe(project, "slow"))
    done = project("delete", "price.yaml", "--timeout", "0.5", code=7)
    assert "the delete of price on 't' is not done: its status is pending" in done.err
    assert states(project) == ["up"]


@pytest.mark.slow
def test_a_resumed_release_keeps_its_id(project: Shell) -> None:
    manifest = describe(project, "hasty")
    project("deploy", manifest, "--timeout", "3", code=7, HOOK_FAULT="lading_status:hangs")
    (pending,) = project("history", manifest, "--json").json()
    project("deploy", manifest)
    (resumed,) = project("history", manifest, "--json").json()
    assert (pending["state"], resumed["state"]) == ("pending", "up")
    assert pending["id"] == resumed["id"]


def test_expired_credentials_leave_the_release_pending(project: Shell) -> None:
    manifest = describe(project, "hasty")
    done = project("deploy", manifest, code=7, HOOK_FAULT="lading_status:expires")
    assert "sign in to the platform again; then run the same command again" in done.err
    (pending,) = project("history", manifest, "--json").json()
    project("deploy", manifest)
    (resumed,) = project("history", manifest, "--json").json()
    assert (pending["state"], resumed["state"]) == ("pending", "up")
