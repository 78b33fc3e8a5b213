"""The flow of the tutorial: the command line, the real SDK and the offline Azure."""

from __future__ import annotations

import pytest
from tests.targets.azureml.azureml_kit import CREATE, SERVICE, Cloud

pytestmark = pytest.mark.slow

ANSWER = "[141760.56910569107]\n"


def test_a_service_on_aci_is_deployed_asked_and_deleted(cloud: Cloud) -> None:
    cloud.azure.settings(polls=1)
    done = cloud("deploy")
    assert "deploy to aci: building the image · Service /services/salary-svc is begun" in done.err
    service = cloud.service
    assert service is not None
    assert done.out == f"{service['scoringUri']}\n"
    for phase in ("validating", "registering", "creating the service", "health", "logged to azureml"):
        assert phase in done.err, phase
    assert "uses plain HTTP" in done.err
    assert cloud.scores() == ANSWER
    cloud.forget()
    again = cloud("deploy")
    assert again.out == done.out
    assert cloud.count("POST", CREATE) == 1
    assert cloud.count("PATCH", SERVICE) == 0
    assert len(cloud.azure.state["models"]) == 1
    cloud("delete")
    assert cloud.service is None
