"""A supervisor that cannot live."""

from __future__ import annotations

import pytest
from tests.conftest import Shell

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
