"""A run records the git commit of its project, and whether the working tree had changes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import Shell


def git(shell: Shell, *arguments: str) -> str:
    identity = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=shell.folder, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def recorded(shell: Shell) -> tuple[str | None, bool | None]:
    """The commit and the state of the tree that a new run records."""
    shell("train", "--force")
    run = shell("run", "list", "--json").json()[0]
    return run["git_commit"], run["git_dirty"]


def commit_all(shell: Shell) -> str:
    git(shell, "init")
    shell.write(".gitignore", "calls.jsonl\n")
    git(shell, "add", "--all")
    git(shell, "commit", "--message", "first")
    return git(shell, "rev-parse", "HEAD")


def test_a_run_records_the_commit_and_whether_the_tree_has_changes(project: Shell) -> None:
    first = commit_all(project)
    assert recorded(project) == (first, False)
    project.write("cost.txt", "8")
    assert recorded(project) == (first, True)
    git(project, "checkout", "cost.txt")
    project.write("extra.py", "")
    assert recorded(project) == (first, True)


def test_a_training_leaves_the_index_of_git_alone(project: Shell) -> None:
    commit_all(project)
    os.utime(project.folder / "cost.txt", (1, 1))  # so that `git status` would refresh the index
    index = project.folder / ".git" / "index"
    before = index.read_bytes()
    assert recorded(project)[1] is False
    assert index.read_bytes() == before


def test_a_run_outside_a_repository_records_no_commit(project: Shell) -> None:
    assert recorded(project) == (None, None)


def test_a_run_in_a_repository_without_a_commit_records_none(project: Shell) -> None:
    git(project, "init")
    assert recorded(project) == (None, None)


def test_a_training_without_git_records_no_commit(project: Shell, tmp_path: Path) -> None:
    commit_all(project)
    project.env["PATH"] = str(tmp_path)
    assert recorded(project) == (None, None)
