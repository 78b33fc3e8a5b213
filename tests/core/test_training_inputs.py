"""A training runs again only when a file that an earlier run read has changed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

import pytest
from tests.conftest import Shell

from .conftest import MANIFEST

PLAIN = "train: {plugin: constant, data: cost.txt}"


def reading(project: Shell, *names: str, more: str = "") -> None:
    """Make the training read the files and folders with these names."""
    train = f"train: {{plugin: constant, data: cost.txt, sources: {json.dumps(names)}{more}}}"
    project.write("lading.yaml", MANIFEST.replace(PLAIN, train))


def runs(shell: Shell) -> list[dict[str, Any]]:
    """The runs in the store, oldest first."""
    with closing(sqlite3.connect(shell.folder / ".lading" / "store.db")) as database:
        return [json.loads(row) for (row,) in database.execute("SELECT record FROM runs ORDER BY seq")]


def trains(shell: Shell, *arguments: str) -> bool:
    """Whether the command trains, instead of reusing an earlier run."""
    return "train: started" in shell("train", *arguments).err


def planned(shell: Shell) -> tuple[str, list[str]]:
    """The training in a plan: the action, and the names of the changed inputs."""
    stage = shell("plan", "--json").json()["stages"][0]
    return stage["action"], [change["field"] for change in stage["changes"] if "connections" not in change["field"]]


def test_a_changed_file_trains_again_and_a_plan_names_it(project: Shell) -> None:
    reading(project, "sand.txt", "parts/lead.txt")
    project.write("sand.txt", "1")
    project.write("parts/lead.txt", "1")
    assert trains(project)
    assert not trains(project)
    assert sorted(runs(project)[0]["reads"]) == ["parts/lead.txt", "sand.txt"]
    project.write("parts/lead.txt", "2")
    assert planned(project) == ("update", ["parts/lead.txt"])
    assert "~ parts/lead.txt: " in project("plan").out
    assert trains(project)
    assert not trains(project)
    first, second = (run["id"] for run in runs(project))
    compared = project("run", "compare", first, second, "--json").json()
    assert [row["name"] for row in compared if row["what"] == "reads"] == ["parts/lead.txt"]


def test_earlier_bytes_give_the_earlier_run_even_if_other_files_were_read_since(project: Shell) -> None:
    reading(project, "all.list")
    for name in ("sand.txt", "lead.txt"):
        project.write(name, "1")
        project.write("all.list", name)
        assert trains(project)
    project.write("all.list", "sand.txt")
    assert not trains(project)
    assert len(runs(project)) == 2


def test_a_removed_or_new_file_trains_again(project: Shell) -> None:
    reading(project, "sand.txt", "lead.txt")
    sand = project.write("sand.txt", "1")
    assert trains(project)
    sand.unlink()
    assert planned(project) == ("update", ["sand.txt"])
    assert trains(project)
    assert not trains(project)
    project.write("lead.txt", "1")
    assert planned(project) == ("update", ["lead.txt"])
    assert trains(project)


def test_a_new_file_in_a_folder_that_was_listed_trains_again(project: Shell) -> None:
    reading(project, "hold")
    project.write("hold/one.csv", "1")
    assert trains(project)
    project.write("hold/one.csv", "2")  # listed but not read
    project.write("hold/__pycache__/one.pyc", "1")
    assert not trains(project)
    project.write("hold/two.csv", "1")
    assert planned(project) == ("update", ["hold"])
    assert trains(project)


def test_a_file_that_changes_while_it_is_read_trains_again(project: Shell) -> None:
    reading(project, "sand.txt", more=", changing: sand.txt")
    project.write("sand.txt", "1")
    assert trains(project)
    assert runs(project)[0]["reads"] == {"sand.txt": "changed while it was read"}
    assert planned(project) == ("update", ["sand.txt"])
    for text in ("1", "8"):  # neither the old nor the new bytes match the read ones
        project.write("sand.txt", text)
        assert planned(project)[0] == "update"


def test_named_data_that_changes_in_the_training_trains_again(project: Shell) -> None:
    reading(project, more=", changing: cost.txt")
    assert trains(project)
    assert planned(project) == ("update", ["train.data"])
    project.write("cost.txt", "7")
    assert trains(project)


def test_a_trainer_that_does_not_know_what_it_read_trains_each_time(project: Shell) -> None:
    reading(project, more=", weighed: false")
    assert trains(project)
    assert trains(project)
    assert planned(project) == ("update", [])


def test_files_outside_the_project_and_declared_inputs_are_left_out(project: Shell) -> None:
    (project.folder.parent / "far.txt").write_text("1")
    project.write(".venv/lib/one.py", "")
    reading(project, "../far.txt", "cost.txt", ".lading/store.db", ".venv/lib/one.py", "sand.txt")
    assert trains(project)
    assert list(runs(project)[0]["reads"]) == ["sand.txt"]


def test_the_project_does_not_depend_on_the_place_of_the_store(project: Shell) -> None:
    project.write("pyproject.toml", "")
    project.write("sand.txt", "1")
    manifest = MANIFEST.replace(PLAIN, "train: {plugin: constant, data: ../cost.txt, sources: [../sand.txt]}")
    project.write("manifests/lading.yaml", manifest)
    arguments = ("manifests/lading.yaml", "--store", "../elsewhere")
    assert trains(project, *arguments)
    project.write("sand.txt", "2")
    assert trains(project, *arguments)
    assert not trains(project, *arguments)


def git(shell: Shell, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=shell.folder, check=True, capture_output=True, timeout=60)


def test_a_file_that_git_ignores_does_not_train_again_and_a_warning_names_it(project: Shell) -> None:
    git(project, "init")
    project.write(".gitignore", "*.log\n")
    reading(project, "sand.txt", "run.log")
    for name in ("sand.txt", "run.log"):
        project.write(name, "1")
    assert "git ignores run.log, so a change of it does not cause a new training" in project("train").err
    project.write("run.log", "2")
    assert not trains(project)


def test_a_project_in_a_folder_that_git_ignores_has_inputs_like_any_other(project: Shell) -> None:
    git(project, "init")
    project.write(".gitignore", "*\n")
    reading(project, "sand.txt")
    project.write("sand.txt", "1")
    assert trains(project)
    project.write("sand.txt", "2")
    assert trains(project)


@pytest.mark.parametrize("command", ["plan", "train"])
def test_a_second_command_reports_unchanged(project: Shell, command: str) -> None:
    project.write("sand.txt", "1")
    reading(project, "sand.txt")
    project("deploy")
    assert planned(project) == ("reuse", [])
    assert "train" in project(command).out + project(command).err
    assert len(runs(project)) == 1
