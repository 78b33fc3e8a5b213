"""The program that installs the requirements inside an image: its commands and its error messages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lading_docker import inside

PIP = [sys.executable, "-m", "pip"]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Commands:
    """Records the commands instead of running them. `codes` are their exit codes, in order."""

    def __init__(self, *codes: int) -> None:
        self.lines: list[list[str]] = []
        self._codes: Iterator[int] = iter(codes)

    def __call__(self, argv: Sequence[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        self.lines.append(list(argv))
        return subprocess.CompletedProcess(argv, next(self._codes))


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *codes: int, python: str = PYTHON) -> tuple[Commands, Any]:
    """Run the program in a folder. Returns the commands and the exit code or message."""
    said = {"python": python, "arguments": ["--index-url=https://a.example", "--no-index"], "target": "/opt/there"}
    (folder / "install.json").write_text(json.dumps(said), encoding="utf-8")
    commands = Commands(*codes)
    monkeypatch.setattr(inside, "HERE", folder)
    monkeypatch.setattr("subprocess.run", commands)
    with pytest.raises(SystemExit) as ended:
        inside.main()
    return commands, ended.value.code


def install_with(pip: list[str], folder: Path) -> list[str]:
    return [
        *pip,
        "install",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
        "--index-url=https://a.example",
        "--no-index",
        "--target",
        "/opt/there",
        "-r",
        str(folder / "requirements.txt"),
    ]


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_pip_of_the_base_installs_and_its_code_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int
) -> None:
    commands, ended = run(monkeypatch, tmp_path, 0, code)
    assert commands.lines == [[*PIP, "--version"], install_with(PIP, tmp_path)]
    assert ended == code


def test_without_pip_the_newest_wheel_of_pip_installs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("pip-24.0-py3-none-any.whl", "pip-25.0-py3-none-any.whl", "pipx-9-py3-none-any.whl", "pip-26.tar.gz"):
        (wheels / name).touch()
    commands, ended = run(monkeypatch, tmp_path, 1, 0)
    pip = [sys.executable, f"{wheels}/pip-25.0-py3-none-any.whl/pip"]
    assert commands.lines == [[*PIP, "--version"], install_with(pip, tmp_path)]
    assert ended == 0


@pytest.mark.parametrize("wheel", [None, "click-8-py3-none-any.whl"])
def test_without_any_pip_the_build_ends_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wheel: str | None
) -> None:
    if wheel:
        (tmp_path / "wheels").mkdir()
        (tmp_path / "wheels" / wheel).touch()
    commands, ended = run(monkeypatch, tmp_path, 1)
    assert len(commands.lines) == 1
    assert ended.startswith("the base image has no pip: ")


def test_another_python_than_required_ends_before_any_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands, ended = run(monkeypatch, tmp_path, python="3.8")
    assert commands.lines == []
    assert ended == f"the base image has Python {PYTHON}, and the package needs 3.8"


def test_the_program_needs_only_modules_of_a_base_image() -> None:
    text = Path(inside.__file__).read_text(encoding="utf-8")
    imports = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imports <= set(sys.stdlib_module_names)
