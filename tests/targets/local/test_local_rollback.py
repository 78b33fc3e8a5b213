"""Rollback to an earlier release on this machine: the responses change back, at the same address."""

from __future__ import annotations

import pytest
from tests.conftest import Shell

SALARY = "manifests/salary.yaml"
ANSWER = 141760.56910569107


def answer(shell: Shell) -> float:
    (salary,) = shell("score", SALARY, "-d", '{"data": [[21]]}').json()
    return float(salary)


@pytest.mark.slow  # the rollbacks of tests/core are faster, with a fake target
def test_the_responses_change_back(salary: Shell) -> None:
    uri = salary("deploy", SALARY).out
    text = (salary.folder / SALARY).read_text()
    mean = text.replace("linear_model.LinearRegression", "dummy.DummyRegressor")
    salary.write(SALARY, mean.replace(str(ANSWER), "121561.5").replace("response:", "tolerance: 0.05\n      response:"))
    salary("deploy", SALARY)
    assert answer(salary) != pytest.approx(ANSWER, rel=0.05)
    assert salary("rollback", SALARY).out == uri
    assert answer(salary) == pytest.approx(ANSWER, rel=1e-9)
    main = salary("history", SALARY).out.splitlines()[1]
    assert main.startswith("3        local   up")
    assert main.endswith("release 1 again")
    assert " r2=" in main
    assert "train_" not in main
    assert salary("gc", SALARY, "--keep", "0", "--yes").out.count("package") == 1
    assert answer(salary) == pytest.approx(ANSWER, rel=1e-9)
