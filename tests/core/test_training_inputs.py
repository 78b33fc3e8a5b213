"""A training runs again when a file that an earlier one turned out to read has changed, and only then."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

import pytest
from tests.conftest import Shell

from .conftest import MANIFEST

PLAIN = "train: {plugin: crane, data: tons.txt}"


def reading(harbour: Shell, *names: str, more: str = "") -> None:
    """Let the training read the files and folders of these names."""
    train = f"train: {{plugin: crane, data: tons.txt, ballast: {json.dumps(names)}{more}}}"
    harbour.write("lading.yaml", MANIFEST.replace(PLAIN, train))


def runs(shell: Shell) -> list[dict[str, Any]]:
    """The runs in the store, oldest first."""
    with closing(sqlite3.connect(shell.folder / ".lading" / "store.db")) as database:
        return [json.loads(row) for (row,) in database.execute("SELECT record FROM runs ORDER BY seq")]


def trains(shell: Shell, *arguments: str) -> bool:
    """Whether the command trains, instead of taking an earlier run."""
    return "train: started" in shell("train", *arguments).err


def planned(shell: Shell) -> tuple[str, list[str]]:
    """What a plan says of the training: the action, and the names of the inputs that changed."""
    stage = shell("plan", "--json").json()["stages"][0]
    return stage["action"], [change["field"] for change in stage["changes"] if "connections" not in change["field"]]


def test_a_changed_file_trains_again_and_a_plan_names_it(harbour: Shell) -> None:
    reading(harbour, "sand.txt", "parts/lead.txt")
    harbour.write("sand.txt", "1")
    harbour.write("parts/lead.txt", "1")
    assert trains(harbour)
    assert not trains(harbour)
    assert sorted(runs(harbour)[0]["reads"]) == ["parts/lead.txt", "sand.txt"]
    harbour.write("parts/lead.txt", "2")
    assert planned(harbour) == ("update", ["parts/lead.txt"])
    assert "~ parts/lead.txt: " in harbour("plan").out
    assert trains(harbour)
    assert not trains(harbour)
    first, second = (run["id"] for run in runs(harbour))
    compared = harbour("run", "compare", first, second, "--json").json()
    assert [row["name"] for row in compared if row["what"] == "reads"] == ["parts/lead.txt"]


def test_earlier_bytes_give_the_earlier_run_even_if_other_files_were_read_since(harbour: Shell) -> None:
    reading(harbour, "all.list")
    for name in ("sand.txt", "lead.txt"):
        harbour.write(name, "1")
        harbour.write("all.list", name)
        assert trains(harbour)
    harbour.write("all.list", "sand.txt")
    assert not trains(harbour)
    assert len(runs(harbour)) == 2


def test_a_file_that_goes_or_comes_trains_again(harbour: Shell) -> None:
    reading(harbour, "sand.txt", "lead.txt")
    sand = harbour.write("sand.txt", "1")
    assert trains(harbour)
    sand.unlink()
    assert planned(harbour) == ("update", ["sand.txt"])
    assert trains(harbour)
    assert not trains(harbour)
    harbour.write("lead.txt", "1")
    assert planned(harbour) == ("update", ["lead.txt"])
    assert trains(harbour)


def test_a_new_file_in_a_folder_that_was_listed_trains_again(harbour: Shell) -> None:
    reading(harbour, "hold")
    harbour.write("hold/one.csv", "1")
    assert trains(harbour)
    harbour.write("hold/one.csv", "2")  # listed, and not read
    harbour.write("hold/__pycache__/one.pyc", "1")
    assert not trains(harbour)
    harbour.write("hold/two.csv", "1")
    assert planned(harbour) == ("update", ["hold"])
    assert trains(harbour)


def test_a_file_that_changes_while_it_is_read_trains_again(harbour: Shell) -> None:
    reading(harbour, "sand.txt", more=", swell: sand.txt")
    harbour.write("sand.txt", "1")
    assert trains(harbour)
    assert runs(harbour)[0]["reads"] == {"sand.txt": "changed while it was read"}
    assert planned(harbour) == ("update", ["sand.txt"])
    for text in ("1", "8"):  # neither the old nor the new bytes are those that were read
        harbour.write("sand.txt", text)
        assert planned(harbour)[0] == "update"


def test_named_data_that_changes_in_the_training_trains_again(harbour: Shell) -> None:
    reading(harbour, more=", swell: tons.txt")
    assert trains(harbour)
    assert planned(harbour) == ("update", ["train.data"])
    harbour.write("tons.txt", "7")
    assert trains(harbour)


def test_a_trainer_that_does_not_know_what_it_read_trains_each_time(harbour: Shell) -> None:
    reading(harbour, more=", weighed: false")
    assert trains(harbour)
    assert trains(harbour)
    assert planned(harbour) == ("update", [])


def test_what_is_outside_the_project_or_an_input_anyway_is_left_out(harbour: Shell) -> None:
    (harbour.folder.parent / "far.txt").write_text("1")
    harbour.write(".venv/lib/one.py", "")
    reading(harbour, "../far.txt", "tons.txt", ".lading/store.db", ".venv/lib/one.py", "sand.txt")
    assert trains(harbour)
    assert list(runs(harbour)[0]["reads"]) == ["sand.txt"]


def test_the_project_does_not_depend_on_the_place_of_the_store(harbour: Shell) -> None:
    harbour.write("pyproject.toml", "")
    harbour.write("sand.txt", "1")
    manifest = MANIFEST.replace(PLAIN, "train: {plugin: crane, data: ../tons.txt, ballast: [../sand.txt]}")
    harbour.write("manifests/lading.yaml", manifest)
    arguments = ("manifests/lading.yaml", "--store", "../elsewhere")
    assert trains(harbour, *arguments)
    harbour.write("sand.txt", "2")
    assert trains(harbour, *arguments)
    assert not trains(harbour, *arguments)


def git(shell: Shell, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=shell.folder, check=True, capture_output=True, timeout=60)


def test_a_file_that_git_ignores_does_not_train_again_and_a_warning_names_it(harbour: Shell) -> None:
    git(harbour, "init")
    harbour.write(".gitignore", "*.log\n")
    reading(harbour, "sand.txt", "sea.log")
    for name in ("sand.txt", "sea.log"):
        harbour.write(name, "1")
    assert "a change of sea.log does not train again: git ignores it" in harbour("train").err
    harbour.write("sea.log", "2")
    assert not trains(harbour)


def test_a_project_in_a_folder_that_git_ignores_has_inputs_as_any_other(harbour: Shell) -> None:
    git(harbour, "init")
    harbour.write(".gitignore", "*\n")
    reading(harbour, "sand.txt")
    harbour.write("sand.txt", "1")
    assert trains(harbour)
    harbour.write("sand.txt", "2")
    assert trains(harbour)


@pytest.mark.parametrize("command", ["plan", "train"])
def test_a_second_command_says_unchanged(harbour: Shell, command: str) -> None:
    harbour.write("sand.txt", "1")
    reading(harbour, "sand.txt")
    harbour("deploy")
    assert planned(harbour) == ("reuse", [])
    assert "train" in harbour(command).out + harbour(command).err
    assert len(runs(harbour)) == 1
