"""The tests of a class run in one process, also if several processes share the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.waiting import LIMIT

TESTS = """\
import os
import pytest


def note(name):
    with open("processes.txt", "a") as file:
        file.write(f"{name} {os.getpid()}\\n")


class TestShared:
    @pytest.mark.parametrize("case", range(20))
    def test_a(self, case):
        note("class")


@pytest.mark.parametrize("case", range(20))
def test_b(case):
    note("function")
"""


def test_a_class_stays_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "test_any.py").write_text(TESTS)
    argv = ["-p", "tests.grouped", "-p", "no:cacheprovider", "-n", "2", str(tmp_path)]
    subprocess.run(
        [sys.executable, "-m", "pytest", *argv],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=LIMIT,
        check=True,
    )
    noted = [line.split() for line in (tmp_path / "processes.txt").read_text().splitlines()]
    assert len({process for name, process in noted if name == "class"}) == 1
    assert len(noted) == 40
