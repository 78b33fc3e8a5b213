"""An empty store beside a running service, as on each CI runner. It continues by the identity of the release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import MANIFEST

SAMPLES = MANIFEST.replace("response: [7]", "response: [7], tolerance: 0.2")


@pytest.fixture
def fresh_project(project: Shell, tmp_path: Path) -> Iterator[Shell]:
    """A service that runs on a platform outside the store."""
    (tmp_path / "platform").mkdir()
    project.env["PLATFORM"] = str(tmp_path / "platform")
    project.write(
        "lading.yaml", SAMPLES.replace("target: roll", "target: remote").replace("  roll: {}", "  remote: {}")
    )
    project("deploy")
    project.env["LADING_STORE"] = str(tmp_path / "fresh")
    yield project
    project("delete", "--yes", code=None)


def test_a_deploy_of_another_package_from_an_empty_store_is_served(fresh_project: Shell) -> None:
    fresh_project.write("cost.txt", "8")
    fresh_project("deploy")
    assert fresh_project("score", "-d", "1").out.strip() == "[8.0]"
    (up,) = fresh_project("history", "--json").json()
    assert (up["number"], up["state"]) == (1, "up")


def test_a_deploy_of_the_same_package_from_an_empty_store_continues(fresh_project: Shell) -> None:
    fresh_project("deploy")
    assert fresh_project("score", "-d", "1").out.strip() == "[7.0]"
    assert "unchanged" in fresh_project("deploy").err


def test_history_of_an_empty_store_shows_the_tags_of_the_target(fresh_project: Shell) -> None:
    fresh = fresh_project.env.pop("LADING_STORE")
    (first,) = fresh_project("history", "--json").json()
    fresh_project.env["LADING_STORE"] = fresh
    (found,) = fresh_project("history", "--json").json()
    same = ("id", "service", "target", "package_digest", "model_sha256")
    assert {name: found[name] for name in same} == {name: first[name] for name in same}
    assert (found["number"], found["state"], found["reason"]) == (None, "running", "not in this store")
    text = (fresh_project.folder / "lading.yaml").read_text()
    fresh_project.write(
        "lading.yaml", text.replace("  remote: {}", "  remote: {}\n  moon: {}")
    )  # no such plugin is installed
    shown = fresh_project("history")
    assert "not in this store" in shown.out
    assert "moon" not in shown.err
    assert not Path(fresh).exists()


def test_rollback_from_an_empty_store_names_its_needs(fresh_project: Shell) -> None:
    digest = fresh_project("history", "--json").json()[0]["package_digest"]
    done = fresh_project("rollback", code=2)
    assert f"price on 'remote' has no release in this store; it serves package {digest[:12]}" in done.err
    assert "`lading deploy lading.yaml --target remote --package FILE`" in done.err
