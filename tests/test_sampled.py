"""The option `--share` runs a part of the cases of each test, the same part every time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.waiting import LIMIT

TESTS = """\
import pytest


@pytest.mark.parametrize("case", range(10))
def test_of_many_cases(case):
    pass


def test_of_one_case():
    pass


def test_of_another_case():
    pass


class TestOfAClass:
    def test_a(self):
        pass

    def test_b(self):
        pass

    def test_c(self):
        pass
"""


def ran(folder: Path, share: str) -> list[str]:
    argv = ["-m", "pytest", "-v", "-p", "tests.sampled", "-p", "no:cacheprovider", "--share", share, str(folder)]
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT, check=True
    )
    return re.findall(r"::(test_\w+|TestOfAClass)\S* PASSED", done.stdout)


def test_each_test_each_class_and_each_file_has_a_share(tmp_path: Path) -> None:
    (tmp_path / "test_any.py").write_text(TESTS)
    found = ran(tmp_path, "0.3")
    assert found == ran(tmp_path, "0.3")
    assert found.count("test_of_many_cases") == 3
    assert found.count("TestOfAClass") == 1
    assert len(found) == 5
    assert len(ran(tmp_path, "1")) == 15
