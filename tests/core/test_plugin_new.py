"""`lading plugin new`: the written project, and refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell

from lading import API_VERSION
from lading.cli import scaffold
from lading.cli.scaffold import KINDS
from lading.model.description import Role


def test_every_role_has_its_kind() -> None:
    assert {kind.role for kind in KINDS.values()} == set(Role)
    assert all(kind.role.noun.startswith(word) for word, kind in KINDS.items())
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    for word, kind in KINDS.items():
        hooks = ", ".join(f"`{hook}`" for hook in kind.role.hooks)
        assert f"| `{word}` | {hooks} | {kind.does} |" in page


@pytest.mark.parametrize(
    ("version", "pin"),
    [("0.1.0", ">=0.1,<0.2"), ("0.9.3", ">=0.9,<0.10"), ("1.4.2", ">=1.4,<2"), ("12.0", ">=12.0,<13")],
)
def test_a_project_requires_the_current_series(monkeypatch: pytest.MonkeyPatch, version: str, pin: str) -> None:
    monkeypatch.setattr(scaffold, "__version__", version)
    for word, kind in KINDS.items():
        files = scaffold._files("gong", word)
        assert f'dependencies = ["{kind.needs}{pin}"]' in files["pyproject.toml"]
        assert f"api={API_VERSION}" in files["src/lading_gong/__init__.py"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["p", "a-name-as-long-as-can-be"])
def test_a_project_is_clean(shell: Shell, kind: str, name: str) -> None:
    done = shell("plugin", "new", name, "--kind", kind)
    assert f"next: cd lading-{name} && pip install -e '.[test]' && pytest" in done.err
    project = shell.folder / f"lading-{name}"
    for check in (["check"], ["format", "--check"]):
        ruff: list[str | Path] = [Path(sys.executable).with_name("ruff"), *check, "--no-cache", "."]
        found = subprocess.run(ruff, cwd=project, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout
    for text in (path.read_text() for path in project.rglob("*.*") if path.is_file()):
        assert "template" not in text


def test_invalid_names(shell: Shell) -> None:
    for name in ("Acme", "9acme", "acme_one", "acme--one", "../acme", "-acme", "", "p" * 25, "acmé"):
        done = shell("plugin", "new", "--", name, code=2)
        assert f"'{name}' cannot be the name of a plugin" in done.err
    assert "did you mean" not in done.err
    assert not list(shell.folder.iterdir())


def test_a_taken_name(shell: Shell) -> None:
    done = shell("plugin", "new", "local", code=2)
    assert "target 'local' (lading 0.1.0) is installed already" in done.err
    shell("plugin", "new", "sklearn", "--kind", "target")  # a target and a trainer may have the same name
    done = shell("plugin", "new", "sklearn", "--kind", "trainer", code=2)
    assert "plugin 'sklearn'" in done.err


def test_nothing_is_overwritten(shell: Shell) -> None:
    mine = shell.write("work/mine.txt", "mine")
    done = shell("plugin", "new", "acme", "--folder", "work", code=2)
    assert "work is not empty" in done.err
    assert [*mine.parent.iterdir()] == [mine]
    (shell.folder / "empty").mkdir()
    shell("plugin", "new", "acme", "--folder", "empty")
    assert (shell.folder / "empty" / "pyproject.toml").is_file()
