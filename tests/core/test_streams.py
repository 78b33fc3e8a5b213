"""A disk that is full below stdout or stderr."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conftest import LADING, Shell
from tests.waiting import LIMIT

FULL = Path("/dev/full")
SALARY = "manifests/salary.yaml"

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs the device /dev/full of Linux")


def to_full(shell: Shell, command: str, stream: str) -> subprocess.CompletedProcess[str]:
    """Run a command with stdout (`1`) or stderr (`2`) on a full disk."""
    return subprocess.run(
        ["sh", "-c", f'"$0" {command} {stream}> {FULL}', LADING],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.mark.parametrize("command", ["schema", "--version", "--help", "plugin list", f"train {SALARY}"])
def test_a_result_that_cannot_be_written_is_a_transient_failure(salary: Shell, command: str) -> None:
    done = to_full(salary, command, "1")
    assert done.returncode == 5
    assert done.stderr.splitlines()[-2:] == [
        "error: standard output cannot be written: no space left on device",
        "  free space on its disk, or write it elsewhere",
    ]


def test_progress_that_cannot_be_written_stops_nothing(salary: Shell) -> None:
    done = to_full(salary, f"train {SALARY}", "2")
    assert done.returncode == 0
    assert done.stdout.strip()


@pytest.mark.parametrize(("command", "code"), [("check nothing.yaml", 2), ("nosuch", 2)])
def test_a_failure_that_cannot_be_written_keeps_its_exit_code(salary: Shell, command: str, code: int) -> None:
    assert to_full(salary, command, "2").returncode == code
