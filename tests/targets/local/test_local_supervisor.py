"""A supervisor that cannot live, or may not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from local_kit import Harbour
from tests.conftest import Shell
from tests.waiting import LIMIT, eventually

SALARY = "manifests/salary.yaml"


@pytest.mark.slow
def test_a_supervisor_that_dies_at_each_start_is_given_up_with_its_reason(salary: Shell) -> None:
    store = salary.folder / ".lading"
    salary("package", SALARY, LADING_STORE=str(store))
    work = store / "work" / "deployments" / "local" / "salary-svc"
    (work / "wake").mkdir(parents=True, mode=0o700)  # where the supervisor has its fifo
    failed = salary("deploy", SALARY, code=6, LADING_STORE=str(store))
    assert "ended 5 times as soon as it had started: IsADirectoryError: " in failed.err
    assert f"its own words are in {work / 'supervisor.log'}" in failed.err
    assert (work / "supervisor.log").read_text().count("Traceback") == 5
    (work / "wake").rmdir()
    deployed = salary("deploy", SALARY, LADING_STORE=str(store))
    assert salary("score", SALARY, "-d", '{"data": [[21]]}', LADING_STORE=str(store)).json()
    assert deployed.out.startswith("http://")
    salary("delete", SALARY, LADING_STORE=str(store))


def test_no_supervisor_begins_while_its_service_is_removed(harbour: Harbour) -> None:
    harbour.deploy(1)
    os.kill(harbour.folder.state()["pid"], signal.SIGKILL)
    eventually(lambda: not harbour.folder.is_supervised(), "it is dead")
    late = [sys.executable, "-P", "-m", "lading_serving.supervisor", str(harbour.context.work)]
    with harbour.folder.unsupervised() as unsupervised:
        assert unsupervised
        subprocess.run(late, check=True, timeout=LIMIT)
    assert not harbour.folder.is_supervised()
    subprocess.run(late, check=True, timeout=LIMIT)
    with harbour.folder.unsupervised() as unsupervised:
        assert not unsupervised
