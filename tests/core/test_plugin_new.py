"""`lading plugin new`: what it writes, and what it refuses to write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Shell

KINDS = ("target", "stage", "observer")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["p", "a-name-as-long-as-can-be"])
def test_a_project_is_clean(shell: Shell, kind: str, name: str) -> None:
    done = shell("plugin", "new", name, "--kind", kind)
    assert f"next: cd lading-{name} && pip install -e '.[test]' && pytest" in done.err
    project = shell.folder / f"lading-{name}"
    for check in (["check"], ["format", "--check"]):
        ruff = [Path(sys.executable).with_name("ruff"), *check, "--no-cache", "."]
        found = subprocess.run(ruff, cwd=project, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout
    for text in (path.read_text() for path in project.rglob("*.*") if path.is_file()):
        assert "template" not in text


def test_names_that_cannot_be(shell: Shell) -> None:
    for name in ("Pier", "9pier", "pier_one", "pier--one", "../pier", "-pier", "", "p" * 25, "piér"):
        done = shell("plugin", "new", "--", name, code=2)
        assert f"'{name}' cannot be the name of a plugin" in done.err
    assert "did you mean" not in done.err
    assert not list(shell.folder.iterdir())


def test_a_name_that_is_taken(shell: Shell) -> None:
    done = shell("plugin", "new", "local", code=2)
    assert "target 'local' (lading 0.1.0) is installed already" in done.err
    shell("plugin", "new", "sklearn", "--kind", "target")  # a target and a trainer do not get in each other's way
    done = shell("plugin", "new", "sklearn", "--kind", "stage", code=2)
    assert "plugin 'sklearn'" in done.err


def test_nothing_is_overwritten(shell: Shell) -> None:
    mine = shell.write("work/mine.txt", "mine")
    done = shell("plugin", "new", "pier", "--folder", "work", code=2)
    assert "work is not empty" in done.err
    assert [*mine.parent.iterdir()] == [mine]
    (shell.folder / "empty").mkdir()
    shell("plugin", "new", "pier", "--folder", "empty")
    assert (shell.folder / "empty" / "pyproject.toml").is_file()
