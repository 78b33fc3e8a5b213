"""Azure on a bad day: a fault at one request after another of a deploy, of which there are about fifty-five."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from azureml_kit import CREATE, Cloud
from offline_azure.client import Faults

pytestmark = pytest.mark.slow

Strike = Callable[[Faults, int], None]
BUSY = {"code": "Busy", "message": "come back later"}
FAULTS: dict[str, Strike] = {
    "lost": lambda faults, skip: faults.drop_after(skip=skip),
    "throttled": lambda faults, skip: faults.answer(429, BUSY, {"Retry-After": "1"}, skip=skip),
    "unavailable": lambda faults, skip: faults.answer(503, BUSY, {"Retry-After": "0"}, skip=skip),
}
REQUESTS, APART, RUNS = 55, 11, 4


@pytest.mark.parametrize("first", range(0, APART, 3))
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_all_along_a_deploy_leave_one_service(cloud: Cloud, fault: str, first: int) -> None:
    cloud.shell("package", "salary.yaml")
    for skip in range(first, REQUESTS, APART):
        FAULTS[fault](cloud.azure.faults, skip)
    codes = [cloud("deploy", code=None).code]
    while codes[-1] and len(codes) < RUNS:
        codes.append(cloud("deploy", code=None).code)
    assert codes[-1] == 0, cloud.seen[-1]
    assert {*codes[:-1]} <= {5, 7}, cloud.seen
    assert cloud.scores() == "[141760.56910569107]\n"
    state, creates = cloud.azure.state, cloud.azure.calls.like("POST", CREATE)
    assert len([call for call in creates if call.fault != "answer"]) == 1
    assert (len(state["services"]), len(state["models"]), len(state["runs"])) == (1, 1, 1)
