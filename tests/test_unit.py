"""The option `--unit` runs the tests that start nothing, and skips the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.waiting import LIMIT

TESTS = """\
import os
import socket
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings, strategies

TRUE = [sys.executable, "-c", ""]


def test_of_nothing_outside():
    assert socket.socketpair()[0].close() is None


def test_that_is_wrong():
    assert False


def test_of_a_process():
    subprocess.run(TRUE, check=True)


def test_of_a_fork():
    if os.fork() == 0:
        os._exit(0)


def test_of_a_socket():
    socket.create_server(("127.0.0.1", 0)).close()


def test_that_catches_all():
    try:
        subprocess.run(TRUE, check=True)
    except BaseException:
        pass


def test_that_fails_without_its_process():
    try:
        subprocess.run(TRUE, check=True)
    except BaseException as error:
        raise ValueError from error


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_of_a_server(server):
    assert server


seen = []


@given(strategies.integers())
def test_of_a_property(number):
    seen.append(number)


def test_of_the_property_before():
    assert len(seen) >= MOST
"""


@pytest.fixture
def run(tmp_path: Path) -> list[str]:
    """The folder of a project with these tests."""
    (tmp_path / "test_it.py").write_text(TESTS.replace("MOST", "21"), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return [sys.executable, "-m", "pytest", "-p", "tests.unit", "-q", "-rA", "--rootdir", str(tmp_path), str(tmp_path)]


def outcomes(argv: list[str]) -> dict[str, set[str]]:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)
    found: dict[str, set[str]] = {"PASSED": set(), "FAILED": set()}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in found:
            found[word].add(rest.split(" - ")[0].rpartition("::")[2].removeprefix("test_"))
    assert found["PASSED"], done.stdout + done.stderr
    return found


def test_only_tests_that_start_nothing_run_to_their_end(run: list[str]) -> None:
    unit = outcomes([*run, "--unit"])
    assert unit == {
        "PASSED": {"of_nothing_outside", "of_a_property"},
        "FAILED": {"that_is_wrong", "of_the_property_before"},
    }


def test_without_the_option_every_test_is_run(run: list[str]) -> None:
    whole = outcomes(run)
    assert whole["FAILED"] == {"that_is_wrong"}
    assert {"of_a_process", "of_a_fork", "of_a_socket", "of_a_server", "that_catches_all"} <= whole["PASSED"]
