"""History, the way back to an earlier release, and cleaning up, over the plugins of a stranger's distribution."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.waiting import LIMIT, eventually

MANIFEST = """\
version: 1
name: ferry
train: {plugin: crane, data: tons.txt}
register: {model: hull}
package:
  plugin: crane
  samples: [{request: "${TOKEN}", response: [TONS]}]
connections: {harbour: {berth: north}}
observers: [{plugin: bell}]
gates: [{plugin: pilot, closed: [CLOSED]}]
target: quay
targets:
  quay: {depth: DEPTH}
  raft: {depth: DEPTH}
"""
TARGETS = pytest.mark.parametrize("target", ["quay", "raft"])


@pytest.fixture
def harbour(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry", "TOKEN": "s3cr3t"}
    shell.env["HARBOUR_LOG"] = str(shell.folder / "calls.jsonl")
    return shell


def load(shell: Shell, tons: int, *, depth: int = 10, closed: str = "nothing") -> None:
    """Write a project whose model answers `tons`, and whose golden request says so."""
    text = MANIFEST.replace("TONS", str(tons)).replace("DEPTH", str(depth)).replace("CLOSED", closed)
    shell.write("lading.yaml", text)
    shell.write("tons.txt", str(tons))


def ship(shell: Shell, tons: int, target: str = "quay") -> None:
    load(shell, tons)
    shell("deploy", "--target", target)


def answer(shell: Shell, target: str = "quay") -> float:
    (tons,) = shell("score", "--target", target, "-d", "1").json()
    return float(tons)


def past(shell: Shell, *argv: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = shell("history", "--json", *argv).json()
    return found


def states(shell: Shell) -> list[tuple[object, object]]:
    return [(one["number"], one["state"]) for one in past(shell)]


@TARGETS
def test_rollback_serves_the_earlier_release_and_deploy_the_manifests_again(harbour: Shell, target: str) -> None:
    ship(harbour, 7, target)
    ship(harbour, 8, target)
    done = harbour("rollback", "--target", target)
    assert done.out == harbour("uri", "--target", target).out
    assert "release 1 serves again, as release 3" in done.err
    assert answer(harbour, target) == 7
    assert states(harbour) == [(3, "up"), (2, "superseded"), (1, "superseded")]
    again = harbour("deploy", "--target", target)
    assert "release 3 of ferry had brought release 1 back; the manifest's package takes its place again" in again.err
    assert answer(harbour, target) == 8
    assert "takes its place" not in harbour("deploy", "--target", target).err


def test_rollback_takes_the_way_of_a_deploy_and_loads_no_stage(harbour: Shell) -> None:
    ship(harbour, 7)
    ship(harbour, 8)
    log = Path(harbour.env["HARBOUR_LOG"])
    log.unlink()
    (harbour.folder / "tons.txt").unlink()  # what training needs is not looked at
    harbour.write("lading.yaml", (harbour.folder / "lading.yaml").read_text().replace("data: tons.txt", "data: gone"))
    harbour("rollback", "--json")
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    seen = [(hook, facts.get("stage", facts.get("verdict"))) for hook, facts in calls if hook != "lading_observe"]
    steps = [step for i, step in enumerate(seen) if i == 0 or step != seen[i - 1]]
    assert steps[:5] == [
        ("lading_gate", "deploy"),
        ("lading_connect", None),
        ("lading_deploy", None),
        ("lading_deploy", True),
        ("lading_scoring_uri", None),
    ]
    told = [facts["kind"] for hook, facts in calls if hook == "lading_observe"]
    assert told == ["stage.started", "release.up", "release.rolled_back"]


def test_a_gate_stops_a_rollback(harbour: Shell) -> None:
    ship(harbour, 7)
    ship(harbour, 8)
    load(harbour, 8, closed="quay")
    assert "quay is closed" in harbour("rollback", code=3).err
    assert answer(harbour) == 8


def test_rollback_again_goes_to_what_served_before(harbour: Shell) -> None:
    for tons in (7, 8):
        ship(harbour, tons)
    harbour("deploy", "--force")  # the same package: nothing to go back to
    for tons in (7, 8):
        harbour("rollback")
        assert answer(harbour) == tons
    done = harbour("rollback", "1", "--json").json()
    assert (done["release"], done["target"], answer(harbour)) == (6, "quay", 7)


def test_a_rollback_to_an_altered_model_is_refused(harbour: Shell) -> None:
    for tons in (7, 8):
        ship(harbour, tons)
    sha256 = harbour("model", "show", "hull:1", "--json").json()["sha256"]
    file = harbour.folder / ".lading" / "files" / sha256
    file.chmod(0o600)
    file.write_text("9")
    assert (
        f"was altered: its sha256 is {hashlib.sha256(b'9').hexdigest()}, not {sha256}"
        in harbour("rollback", code=3).err
    )
    assert answer(harbour) == 8


def test_a_release_and_a_manifest_are_told_apart(harbour: Shell) -> None:
    for tons in (7, 8, 6):
        ship(harbour, tons)
    for number, (words, tons) in enumerate([(("1", "lading.yaml"), 7), (("lading.yaml", "2"), 8)], 4):
        assert f"as release {number}" in harbour("rollback", *words).err
        assert answer(harbour) == tons
    assert "name one release, by its number, and one manifest" in harbour("rollback", "1", "2", code=2).err


def test_what_one_cannot_go_back_to_is_refused_with_what_one_can(harbour: Shell) -> None:
    load(harbour, 7)
    assert "ferry on 'quay' has no earlier release" in harbour("rollback", code=2).err
    ship(harbour, 7)
    load(harbour, 11)
    harbour("deploy", code=8)
    ship(harbour, 8)
    able = "it can go back to 1 (hull:1)\n"
    for number, reason in ((9, "has no release 9"), (2, "it never came up"), (3, "it is the one that is up")):
        done = harbour("rollback", str(number), code=2)
        assert reason in done.err
        assert able in done.err
    harbour("gc", "--keep", "0", "--yes")
    assert "cannot go back to release 1: its package is gone" in harbour("rollback", "1", code=2).err
    assert answer(harbour) == 8


@TARGETS
def test_a_rollback_that_fails_leaves_the_current_release_serving(harbour: Shell, target: str) -> None:
    ship(harbour, 7, target)
    ship(harbour, 5, target)
    load(harbour, 4, depth=6)  # release 1 runs aground in it; and 4 is what neither release answers
    done = harbour("rollback", "--target", target, code=8)
    assert "ran aground" in done.err
    assert answer(harbour, target) == 5
    newest = past(harbour)[0]
    expected = {"quay": (3, "failed", None), "raft": (4, "up", 2)}  # the raft had to give release 2 up
    assert (newest["number"], newest["state"], newest["restores"]) == expected[target]


def test_a_restored_release_is_asked_its_own_golden_requests(harbour: Shell) -> None:
    """Those of the manifest expect another answer. A variable that is gone is told, and the harbour does not mind."""
    ship(harbour, 7, "raft")
    load(harbour, 11)
    del harbour.env["TOKEN"]
    harbour.write("lading.yaml", (harbour.folder / "lading.yaml").read_text().replace("${TOKEN}", "1"))
    done = harbour("deploy", "--target", "raft", code=8)
    assert "a golden request of release 1: the environment variable TOKEN is not set" in done.err
    assert "release 1 serves again, as release 3" in done.err
    assert answer(harbour, "raft") == 7


def test_the_store_keeps_the_reference_of_a_golden_request(harbour: Shell) -> None:
    ship(harbour, 7)
    assert past(harbour)[0]["golden_requests"] == [{"request": "${TOKEN}", "response": [7], "tolerance": 1e-06}]
    for file in (harbour.folder / ".lading").rglob("*"):
        assert not file.is_file() or b"s3cr3t" not in file.read_bytes(), file


def test_rollback_after_a_delete(harbour: Shell) -> None:
    ship(harbour, 7)
    harbour("delete")
    harbour("rollback")
    assert answer(harbour) == 7
    assert states(harbour) == [(2, "up"), (1, "deleted")]


def test_an_interrupted_rollback_goes_on(harbour: Shell) -> None:
    ship(harbour, 7)
    ship(harbour, 8)
    kill_while_deploying(harbour, "rollback")
    assert "resuming · release 3" in harbour("rollback").err
    assert answer(harbour) == 7
    assert states(harbour) == [(3, "up"), (2, "superseded"), (1, "superseded")]


def test_what_an_interrupted_deploy_left_behind_is_not_forgotten_when_the_change_is_taken_back(harbour: Shell) -> None:
    ship(harbour, 7)
    load(harbour, 8)
    kill_while_deploying(harbour, "deploy")
    load(harbour, 7)
    assert "an interrupted deploy left a release behind" in harbour("plan").out
    assert "given up, as it was interrupted and something else is asked for now · release 2" in harbour("deploy").err
    assert answer(harbour) == 7
    assert states(harbour) == [(3, "up"), (2, "failed"), (1, "superseded")]
    assert "deploy to quay: unchanged" in harbour("deploy").err


def test_history_shows_what_came_of_each_release(harbour: Shell) -> None:
    assert "no releases yet" in (load(harbour, 7), harbour("history"))[1].err
    ship(harbour, 7, "raft")
    ship(harbour, 7)
    load(harbour, 11)
    harbour("deploy", code=8)
    heads, *rows = harbour("history").out.splitlines()
    assert heads.split() == ["release", "target", "state", "started", "ended", "package", "model", "metrics", "reason"]
    assert [row.split()[:3] for row in rows] == [["2", "quay", "failed"], ["1", "quay", "up"], ["1", "raft", "up"]]
    assert "hull:2  tons=11  release 2 of ferry on 'quay' did not come up: ran aground" in rows[0]
    assert [one["metrics"] for one in past(harbour, "--target", "raft")] == [{"tons": 7.0}]
    assert "its targets are: quay, raft" in harbour("history", "--target", "pier", code=2).err


def test_gc_says_first_and_removes_what_no_release_needs(harbour: Shell) -> None:
    for tons in (5, 6, 7):
        ship(harbour, tons)
    said = harbour("gc", "--keep", "2")
    assert [line.split()[0] for line in said.out.splitlines()] == ["kind", "package"]
    assert "--yes would remove" in said.err
    assert harbour("gc", "--keep", "2").out == said.out
    done = harbour("gc", "--keep", "2", "--yes", "--json").json()
    assert (done["removed"], [item["kind"] for item in done["garbage"]]) == (True, ["package"])
    assert "nothing to remove" in harbour("gc", "--keep", "2").err
    assert "unchanged" in harbour("deploy").err
    assert "it can go back to 2 (hull:2)\n" in harbour("rollback", "1", code=2).err
    harbour("rollback")
    assert answer(harbour) == 6
    assert "package: done" in harbour("deploy", "--model", "hull:1", code=8).err  # packed anew; the answer is another


def test_gc_removes_trained_models_that_were_never_registered_but_the_newest(harbour: Shell) -> None:
    for tons in (5, 6):
        load(harbour, tons)
        harbour("train")
    kinds = [item["kind"] for item in harbour("gc", "--yes", "--json").json()["garbage"]]
    assert kinds == ["file"]
    assert "train: unchanged" in harbour("deploy").err
    load(harbour, 5)
    assert "train: done" in harbour("deploy").err  # its remembered output went with its bytes


def test_gc_removes_the_work_folder_of_a_deleted_deployment_alone(harbour: Shell) -> None:
    ship(harbour, 7)
    ship(harbour, 7, "raft")
    harbour("delete")
    (item,) = harbour("gc", "--yes", "--json").json()["garbage"]
    assert (item["kind"], item["name"]) == ("work", "quay/ferry")
    assert not Path(item["path"]).exists()
    assert answer(harbour, "raft") == 7


def test_gc_waits_for_a_deploy_and_keeps_what_it_made(harbour: Shell) -> None:
    load(harbour, 7)
    command = harbour.start("deploy", HARBOUR_FAULT="lading_deploy:hangs")
    wait_for_deploy(harbour)
    assert "'store' is locked by another command" in harbour("gc", "--keep", "0", "--yes", code=4).err
    command.kill()
    command.communicate(timeout=LIMIT)
    assert harbour("gc", "--keep", "0", "--yes", "--json").json()["garbage"] == []
    done = harbour("deploy")
    assert "package: unchanged" in done.err
    assert "resuming · release 1" in done.err


def kill_while_deploying(shell: Shell, *argv: str) -> None:
    Path(shell.env["HARBOUR_LOG"]).unlink()
    command = shell.start(*argv, HARBOUR_FAULT="lading_deploy:hangs")
    wait_for_deploy(shell)
    command.send_signal(signal.SIGKILL)
    command.communicate(timeout=LIMIT)


def wait_for_deploy(shell: Shell) -> None:
    log = Path(shell.env["HARBOUR_LOG"])
    eventually(lambda: log.exists() and "lading_deploy" in log.read_text())
