"""Canaries beside a release that another store has brought up, and canaries of another store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import MANIFEST
from tests.core.test_traffic import answer, shares, states


@pytest.fixture
def elsewhere(project: Shell, tmp_path: Path) -> Iterator[Shell]:
    """A service that answers 7, on a platform outside the store. The manifest asks for 8, and the store is empty."""
    (tmp_path / "platform").mkdir()
    project.env["PLATFORM"] = str(tmp_path / "platform")
    block(project)
    project("deploy")
    project.env["LADING_STORE"] = str(tmp_path / "fresh")
    answer(project, 8)
    yield project
    project("delete", "--yes", code=None)


def block(project: Shell, options: str = "{}") -> None:
    manifest = MANIFEST.replace("target: roll", "target: shared-router")
    project.write("lading.yaml", manifest.replace("  roll: {}\n  stop: {}\n", f"  shared-router: {options}\n"))


@pytest.mark.slow
def test_a_canary_stands_beside_the_release_of_another_store(elsewhere: Shell) -> None:
    said = elsewhere("deploy", "--canary", "10").err
    assert "a release of another store is release 1 of this one" in said
    assert "release 2 is a canary with 10 % of the requests" in said
    assert shares(elsewhere) == (1, 2, 10)
    assert states(elsewhere) == ["2 canary", "1 up"]
    adopted = elsewhere("history").out.splitlines()[-1]
    assert "brought up from another store" in adopted
    assert "rate:unknown" in adopted
    assert elsewhere("history", "--json").json()[-1]["model_version"] is None
    assert "rate:unknown\n" in elsewhere("why", "1").out
    elsewhere("abort")
    assert shares(elsewhere) == (1, None, None)
    assert states(elsewhere) == ["2 aborted", "1 up"]
    elsewhere("deploy", "--canary", "10")
    elsewhere("promote")
    assert states(elsewhere) == ["3 up", "2 aborted", "1 superseded"]
    assert "another store has its package" in elsewhere("rollback", "1", code=2).err


def test_a_store_that_has_the_model_knows_the_version_of_the_release_that_it_finds(elsewhere: Shell) -> None:
    answer(elsewhere, 8)
    elsewhere("package")
    answer(elsewhere, 7)
    elsewhere("package")
    answer(elsewhere, 8)
    elsewhere("deploy", "--canary", "10")
    assert [row["model_version"] for row in elsewhere("history", "--json").json()] == [1, 2]
    elsewhere("promote")
    assert "another store has its options and golden requests" in elsewhere("rollback", "1", code=2).err


def test_a_rollout_from_an_empty_store_takes_its_steps(elsewhere: Shell) -> None:
    block(elsewhere, "{rollout: {steps: [25, 100], pause: 0}}")
    answer(elsewhere, 8)
    said = elsewhere("deploy").err
    assert "release 2 gets 25 % of the requests" in said
    assert "release 2 gets all requests, and release 1 is removed" in said
    assert states(elsewhere) == ["2 up", "1 superseded"]
    assert "unchanged" in elsewhere("deploy").err


@pytest.mark.slow
def test_a_store_that_is_behind_learns_which_release_serves(elsewhere: Shell) -> None:
    fresh = elsewhere.env["LADING_STORE"]
    elsewhere("deploy")
    del elsewhere.env["LADING_STORE"]
    answer(elsewhere, 9)
    elsewhere("deploy", "--canary", "10")
    assert states(elsewhere) == ["3 canary", "2 up", "1 superseded"]
    elsewhere.env["LADING_STORE"] = fresh


@pytest.mark.slow
@pytest.mark.parametrize("command", [("deploy",), ("deploy", "--canary", "5"), ("rollback",)])
def test_beside_the_canary_of_another_store_others_are_refused(elsewhere: Shell, command: tuple[str, ...]) -> None:
    fresh = elsewhere.env.pop("LADING_STORE")
    answer(elsewhere, 6)
    elsewhere("deploy")  # so that this store can roll back
    elsewhere.env["LADING_STORE"] = fresh
    answer(elsewhere, 8)
    elsewhere("deploy", "--canary", "10")
    answer(elsewhere, 9)
    elsewhere.env["LADING_STORE"] = str(elsewhere.folder / ".lading")
    refused = elsewhere(*command, code=3).err
    assert "price on 'shared-router' has a canary of another store, with 10 % of the requests" in refused
    assert "`lading promote` or `lading abort` first" in refused
    elsewhere.env["LADING_STORE"] = fresh
    assert shares(elsewhere) == (1, 2, 10)


@pytest.mark.parametrize("number", [7, 9])
def test_a_plan_names_the_canary_of_another_store(elsewhere: Shell, number: int) -> None:
    elsewhere("deploy", "--canary", "10")
    elsewhere.env["LADING_STORE"] = str(elsewhere.folder / ".lading")
    answer(elsewhere, number)
    said = elsewhere("plan").out
    assert "another store has a canary beside it, with 10 % of the requests" in said
    assert ("`lading promote` or `lading abort` first" in said) == (number == 9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "number", "left"), [("promote", 2, ["2 up", "1 superseded"]), ("abort", 1, ["2 aborted", "1 up"])]
)
def test_any_store_can_end_a_canary(elsewhere: Shell, ending: str, number: int, left: list[str]) -> None:
    elsewhere("deploy", "--canary", "10")
    elsewhere.env["LADING_STORE"] += "-third"
    elsewhere("traffic", "--weight", "30")
    assert shares(elsewhere) == (1, 2, 30)
    elsewhere(ending)
    assert shares(elsewhere) == (number, None, None)
    assert states(elsewhere) == left


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["promote", "delete"])
def test_a_rollback_to_a_canary_of_another_store_names_the_missing_part(elsewhere: Shell, ending: str) -> None:
    elsewhere("deploy", "--canary", "10")
    elsewhere.env["LADING_STORE"] += "-third"
    elsewhere("traffic", "--weight", "30")
    elsewhere(ending)
    answer(elsewhere, 9)
    elsewhere("deploy")
    assert "release 2: another store has its package" in elsewhere("rollback", "2", code=2).err


def test_a_stable_release_that_is_pending_for_a_moment_is_waited_for(elsewhere: Shell) -> None:
    elsewhere.write("states", "pending pending")
    assert "release 2 is a canary" in elsewhere("deploy", "--canary", "10").err
    assert shares(elsewhere) == (1, 2, 10)


@pytest.mark.parametrize("state", ["failed", "unknown"])
@pytest.mark.parametrize("options", ["{}", "{rollout: {steps: [25, 100], pause: 0}}"])
def test_beside_a_release_that_does_not_serve_a_canary_is_refused(elsewhere: Shell, state: str, options: str) -> None:
    block(elsewhere, options)
    answer(elsewhere, 8)
    argv = ("deploy", "--canary", "10") if options == "{}" else ("deploy",)
    elsewhere.write("states", state)
    refused = elsewhere(*argv, code=3).err
    assert f"price on 'shared-router' is {state}, and a canary needs a release that serves beside it" in refused
    assert "without a canary and `rollout`, the new release gets all requests" in refused
    assert states(elsewhere) == [" running"] or elsewhere("history", "--json").json()[0]["number"] is None


def test_nothing_stands_beside_a_stopped_release(elsewhere: Shell) -> None:
    elsewhere.write("states", "stopped")
    assert "nothing serves yet, so the new release gets all requests" in elsewhere("deploy", "--canary", "10").err
    assert states(elsewhere) == ["1 up"]
