"""History, rollback and removal of unused data, with plugins of a third-party distribution."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.waiting import LIMIT, eventually

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
register: {model: rate}
package:
  plugin: constant
  samples: [{request: "${TOKEN}", response: [COST]}]
connections: {hosting: {region: north}}
observers: [{plugin: bell}]
gates: [{plugin: guard, closed: [CLOSED]}]
target: roll
targets:
  roll: {depth: DEPTH}
  stop: {depth: DEPTH}
"""
TARGETS = pytest.mark.parametrize("target", ["roll", "stop"])


@pytest.fixture
def project(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry", "TOKEN": "s3cr3t"}
    shell.env["HOOK_LOG"] = str(shell.folder / "calls.jsonl")
    return shell


def load(shell: Shell, cost: int, *, depth: int | str = 10, closed: str = "nothing") -> None:
    """Write a project whose model answers `cost`, with a matching golden request."""
    text = MANIFEST.replace("COST", str(cost)).replace("DEPTH", str(depth)).replace("CLOSED", closed)
    shell.write("lading.yaml", text)
    shell.write("cost.txt", str(cost))


def deploy(shell: Shell, cost: int, target: str = "roll") -> None:
    load(shell, cost)
    shell("deploy", "--target", target)


def answer(shell: Shell, target: str = "roll") -> float:
    (cost,) = shell("score", "--target", target, "-d", "1").json()
    return float(cost)


def past(shell: Shell, *argv: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = shell("history", "--json", *argv).json()
    return found


def states(shell: Shell) -> list[tuple[object, object]]:
    return [(one["number"], one["state"]) for one in past(shell)]


@TARGETS
def test_rollback_serves_the_earlier_release_and_deploy_serves_the_manifests_again(project: Shell, target: str) -> None:
    deploy(project, 7, target)
    deploy(project, 8, target)
    done = project("rollback", "--target", target)
    assert done.out == project("uri", "--target", target).out
    assert "release 1 serves again, as release 3" in done.err
    assert answer(project, target) == 7
    assert states(project) == [(3, "up"), (2, "superseded"), (1, "superseded")]
    again = project("deploy", "--target", target)
    assert "release 3 of price had restored release 1; the manifest's package takes its place again" in again.err
    assert answer(project, target) == 8
    assert "takes its place" not in project("deploy", "--target", target).err


@pytest.mark.slow
def test_rollback_runs_like_a_deploy_and_loads_no_stage(project: Shell) -> None:
    deploy(project, 7)
    deploy(project, 8)
    log = Path(project.env["HOOK_LOG"])
    log.unlink()
    (project.folder / "cost.txt").unlink()  # the inputs of the training are not read
    project.write("lading.yaml", (project.folder / "lading.yaml").read_text().replace("data: cost.txt", "data: gone"))
    project("rollback", "--json")
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    seen = [(hook, facts.get("stage", facts.get("verdict"))) for hook, facts in calls if hook != "lading_observe"]
    steps = [step for i, step in enumerate(seen) if i == 0 or step != seen[i - 1]]
    assert steps[:7] == [
        ("lading_connect", None),
        ("lading_status", None),
        ("lading_gate", "deploy"),
        ("lading_deploy", None),
        ("lading_deploy", True),
        ("lading_status", None),
        ("lading_scoring_uri", None),
    ]
    told = [facts["kind"] for hook, facts in calls if hook == "lading_observe"]
    assert told == ["stage.started", "release.up", "release.rolled_back"]


@pytest.mark.slow
def test_a_gate_stops_a_rollback(project: Shell) -> None:
    deploy(project, 7)
    deploy(project, 8)
    load(project, 8, closed="roll")
    assert "roll is closed" in project("rollback", code=3).err
    assert answer(project) == 8


@pytest.mark.slow
def test_a_second_rollback_returns_to_what_served_before(project: Shell) -> None:
    for cost in (7, 8):
        deploy(project, cost)
    project("deploy", "--force")  # the same package, so no other release remains
    for cost in (7, 8):
        project("rollback")
        assert answer(project) == cost
    done = project("rollback", "1", "--json").json()
    assert (done["release"], done["target"], answer(project)) == (6, "roll", 7)


@pytest.mark.slow
def test_a_rollback_to_an_altered_model_is_refused(project: Shell) -> None:
    for cost in (7, 8):
        deploy(project, cost)
    sha256 = project("model", "show", "rate:1", "--json").json()["sha256"]
    file = project.folder / ".lading" / "files" / sha256
    file.chmod(0o600)
    file.write_text("9")
    assert (
        f"was altered: its sha256 is {hashlib.sha256(b'9').hexdigest()}, not {sha256}"
        in project("rollback", code=3).err
    )
    assert answer(project) == 8


@pytest.mark.slow
def test_a_release_and_a_manifest_are_distinguished(project: Shell) -> None:
    for cost in (7, 8, 6):
        deploy(project, cost)
    for number, (words, cost) in enumerate([(("1", "lading.yaml"), 7), (("lading.yaml", "2"), 8)], 4):
        assert f"as release {number}" in project("rollback", *words).err
        assert answer(project) == cost
    assert "name one release, by its number, and one manifest" in project("rollback", "1", "2", code=2).err


@pytest.mark.slow
def test_an_impossible_rollback_is_refused_with_the_possible_ones(project: Shell) -> None:
    load(project, 7)
    assert "price on 'roll' has no release in this store" in project("rollback", code=2).err
    deploy(project, 7)
    load(project, 11)
    project("deploy", code=8)
    deploy(project, 8)
    able = "it can go back to 1 (rate:1)\n"
    for number, reason in ((9, "has no release 9"), (2, "it never came up"), (3, "it is the one that is up")):
        done = project("rollback", str(number), code=2)
        assert reason in done.err
        assert able in done.err
    project("gc", "--keep", "0", "--yes")
    assert "cannot go back to release 1: its package is gone" in project("rollback", "1", code=2).err
    assert answer(project) == 8


@pytest.mark.slow
@TARGETS
def test_a_rollback_that_fails_leaves_the_current_release_serving(project: Shell, target: str) -> None:
    project.env["MOST"] = "10"
    for cost in (7, 5):
        load(project, cost, depth='"${MOST}"')
        project("deploy", "--target", target)
    load(project, 4, depth='"${MOST}"')  # neither release answers 4
    project.env["MOST"] = "6"  # release 1 fails with it
    done = project("rollback", "--target", target, code=8)
    assert "over the limit" in done.err
    assert answer(project, target) == 5
    newest = past(project)[0]
    expected = {"roll": (3, "failed", None), "stop": (4, "up", 2)}  # the stop had to remove release 2
    assert (newest["number"], newest["state"], newest["restores"]) == expected[target]


@pytest.mark.slow
@TARGETS
def test_a_rollback_restores_the_options_of_its_release(project: Shell, target: str) -> None:
    """A release that changed only an option can be gone back to. A deploy brings the manifest's options again."""
    deploy(project, 7, target)
    load(project, 7, depth=8)
    project("deploy", "--target", target)
    assert "nothing to do" in project("plan", "--target", target).out
    assert "release 1 serves again, as release 3" in project("rollback", "--target", target).err
    planned = project("plan", "--target", target).out
    assert f"~ targets.{target}.depth: 10 → 8" in planned
    assert "release 2 serves again, as release 4" in project("rollback", "2", "--target", target).err
    assert "nothing to do" in project("plan", "--target", target).out


@pytest.mark.slow
def test_a_failed_change_of_options_restores_the_options_before_it(project: Shell) -> None:
    deploy(project, 7, "stop")
    load(project, 7, depth=6)
    assert "release 1 serves again, as release 3" in project("deploy", "--target", "stop", code=8).err
    assert answer(project, "stop") == 7


@pytest.mark.slow
def test_a_restored_release_is_asked_its_own_golden_requests(project: Shell) -> None:
    """The manifest's golden requests expect another answer. An unset variable is reported, but the target does not
    need it.
    """
    deploy(project, 7, "stop")
    load(project, 11)
    del project.env["TOKEN"]
    project.write("lading.yaml", (project.folder / "lading.yaml").read_text().replace("${TOKEN}", "1"))
    done = project("deploy", "--target", "stop", code=8)
    assert "a golden request of release 1: the environment variable TOKEN is not set" in done.err
    assert "release 1 serves again, as release 3" in done.err
    assert answer(project, "stop") == 7


@pytest.mark.slow
def test_a_failed_restore_is_reported_after_the_first_failure(project: Shell) -> None:
    deploy(project, 7, "stop")
    shutil.rmtree(project.folder / ".lading" / "packages")
    load(project, 11)
    done = project("deploy", "--target", "stop", code=8)
    first, second = (
        done.err.index("release 2 of price on 'stop' did not come up"),
        done.err.index("release 1 could not"),
    )
    assert first < second
    assert done.err.splitlines()[-1].startswith("  release 1 could not be restored: its package ")


def test_the_store_keeps_the_reference_of_a_golden_request(project: Shell) -> None:
    deploy(project, 7)
    assert past(project)[0]["golden_requests"] == [{"request": "${TOKEN}", "response": [7], "tolerance": 1e-06}]
    for file in (project.folder / ".lading").rglob("*"):
        assert not file.is_file() or b"s3cr3t" not in file.read_bytes(), file


@pytest.mark.slow
def test_rollback_after_a_delete(project: Shell) -> None:
    deploy(project, 7)
    project("delete")
    project("rollback")
    assert answer(project) == 7
    assert states(project) == [(2, "up"), (1, "deleted")]


@pytest.mark.slow
def test_an_interrupted_rollback_continues(project: Shell) -> None:
    deploy(project, 7)
    deploy(project, 8)
    kill_while_deploying(project, "rollback")
    assert "resuming · release 3" in project("rollback").err
    assert answer(project) == 7
    assert states(project) == [(3, "up"), (2, "superseded"), (1, "superseded")]


@pytest.mark.slow
def test_leftovers_of_an_interrupted_deploy_are_known_after_the_change_is_reverted(project: Shell) -> None:
    deploy(project, 7)
    load(project, 8)
    kill_while_deploying(project, "deploy")
    load(project, 7)
    assert "an interrupted deploy left a release behind" in project("plan").out
    assert "abandoned: it was interrupted and the manifest has changed since · release 2" in project("deploy").err
    assert answer(project) == 7
    assert states(project) == [(3, "up"), (2, "failed"), (1, "superseded")]
    assert "deploy to roll: unchanged" in project("deploy").err


@pytest.mark.slow
def test_history_shows_the_result_of_each_release(project: Shell) -> None:
    load(project, 7)
    assert "no releases yet" in project("history").err
    deploy(project, 7, "stop")
    deploy(project, 7)
    load(project, 11)
    project("deploy", code=8)
    heads, *rows = project("history").out.splitlines()
    assert heads.split() == ["release", "target", "state", "started", "ended", "package", "model", "metrics", "reason"]
    assert [row.split()[:3] for row in rows] == [["2", "roll", "failed"], ["1", "roll", "up"], ["1", "stop", "up"]]
    assert re.search(r"rate:2  cost=11  release 2 of price on 'roll' did not come up: .*depth: over the limit", rows[0])
    assert [one["metrics"] for one in past(project, "--target", "stop")] == [{"cost": 7.0}]
    assert "its targets are: roll, stop" in project("history", "--target", "acme", code=2).err


@pytest.mark.slow
def test_gc_first_lists_and_then_removes_data_that_no_release_needs(project: Shell) -> None:
    for cost in (5, 6, 7):
        deploy(project, cost)
    said = project("gc", "--keep", "2")
    assert [line.split()[0] for line in said.out.splitlines()] == ["kind", "package"]
    assert "--yes would remove" in said.err
    assert project("gc", "--keep", "2").out == said.out
    done = project("gc", "--keep", "2", "--yes", "--json").json()
    assert (done["removed"], [item["kind"] for item in done["garbage"]]) == (True, ["package"])
    assert "nothing to remove" in project("gc", "--keep", "2").err
    assert "unchanged" in project("deploy").err
    assert "it can go back to 2 (rate:2)\n" in project("rollback", "1", code=2).err
    project("rollback")
    assert answer(project) == 6
    assert "package: done" in project("deploy", "--model", "rate:1", code=8).err  # packaged again; the answer differs


@pytest.mark.slow
def test_gc_removes_unregistered_trained_models_except_the_newest(project: Shell) -> None:
    for cost in (5, 6):
        load(project, cost)
        project("train")
    kinds = [item["kind"] for item in project("gc", "--yes", "--json").json()["garbage"]]
    assert kinds == ["file"]
    assert "train: unchanged" in project("deploy").err
    load(project, 5)
    assert "train: done" in project("deploy").err  # the cached output was removed with its bytes


@pytest.mark.slow
def test_gc_removes_only_the_work_folder_of_a_deleted_deployment(project: Shell) -> None:
    deploy(project, 7)
    deploy(project, 7, "stop")
    project("delete")
    (item,) = project("gc", "--yes", "--json").json()["garbage"]
    assert (item["kind"], item["name"]) == ("work", "roll/price")
    assert not Path(item["path"]).exists()
    assert answer(project, "stop") == 7


def test_gc_waits_for_a_deploy_and_keeps_what_it_made(project: Shell) -> None:
    load(project, 7)
    command = project.start("deploy", HOOK_FAULT="lading_deploy:hangs")
    wait_for_deploy(project)
    assert "'store' is locked by another command" in project("gc", "--keep", "0", "--yes", code=4).err
    command.kill()
    command.communicate(timeout=LIMIT)
    assert project("gc", "--keep", "0", "--yes", "--json").json()["garbage"] == []
    done = project("deploy")
    assert "package: unchanged" in done.err
    assert "resuming · release 1" in done.err


def kill_while_deploying(shell: Shell, *argv: str) -> None:
    Path(shell.env["HOOK_LOG"]).unlink()
    command = shell.start(*argv, HOOK_FAULT="lading_deploy:hangs")
    wait_for_deploy(shell)
    command.send_signal(signal.SIGKILL)
    command.communicate(timeout=LIMIT)


def wait_for_deploy(shell: Shell) -> None:
    log = Path(shell.env["HOOK_LOG"])
    eventually(lambda: log.exists() and "lading_deploy" in log.read_text())
