"""The effect of a change on a local service. A deploy with a refused change really fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.local.local_kit import LocalService

from lading import Candidate, Deployment, PlanEffect, PlanFinding, PlanRequest, Ready, StageFailed, UpRelease
from lading_container import lading_plan as container_plan
from lading_container.options import ContainerOptions
from lading_local import lading_plan
from lading_local.options import LocalOptions

UP = UpRelease(service="salary", release=1)


def found(work: Path, up: UpRelease | None = UP, left: tuple[UpRelease, ...] = (), **options: object) -> list[str]:
    deployment = Deployment(service="salary", target="t", options=LocalOptions(**options))  # type: ignore[arg-type]
    return _said(lading_plan(PlanRequest(deployment=deployment, up=up, left=left), MemoryContext(work)).findings)


def _said(findings: tuple[PlanFinding, ...]) -> list[str]:
    return [f"{finding.effect} {finding.option}" for finding in findings]


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])
def test_a_host_that_needs_the_same_port_is_refused_like_in_the_deploy(service: LocalService, host: str) -> None:
    service.deploy()
    port = int(service.folder.state()["releases"]["1"]["public_uri"].rpartition(":")[2].partition("/")[0])
    assert found(service.context.work, host=host, port=port) == ["refused host"]
    assert found(service.context.work, port=port) == []
    assert found(service.context.work, host=host) == []
    with pytest.raises(StageFailed, match="is in use"):
        service.until(service.request(2, host=host, port=port), Candidate)


def test_another_loopback_address_is_used_beside_the_old_one(service: LocalService) -> None:
    service.deploy()
    port = int(service.folder.state()["releases"]["1"]["public_uri"].rpartition(":")[2].partition("/")[0])
    assert found(service.context.work, host="127.0.0.2", port=port) == []
    assert isinstance(service.deploy(2, host="127.0.0.2", port=port), Ready)


def test_a_port_that_a_renamed_service_keeps_is_refused(tmp_path: Path) -> None:
    left = (UpRelease(service="old", release=3, written={"port": 8080}),)
    assert found(tmp_path, None, left, port=8080) == ["refused port"]
    assert found(tmp_path, None, left, port=8081) == found(tmp_path, None, left) == []


def test_a_container_changes_with_a_gap_and_cannot_share_a_port_with_its_old_name() -> None:
    left = (UpRelease(service="old", release=3, written={"port": 8080}),)
    deployment = Deployment(service="salary", target="t", options=ContainerOptions(port=8080))
    assert _said(container_plan(PlanRequest(deployment=deployment, up=UP)).findings) == [f"{PlanEffect.GAP} None"]
    assert _said(container_plan(PlanRequest(deployment=deployment, left=left)).findings) == ["refused port"]
    assert container_plan(PlanRequest(deployment=deployment)).findings == ()
