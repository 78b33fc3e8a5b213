"""The target `local` lists the supervisors of this user. It does not trust files alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.targets.local.local_kit import LocalService, Recorder, kill_supervisor, stop, uri_of
from tests.targets.local.test_local_canary import deploy_beside

from lading import Deployment, Listed, ListRequest, State
from lading_local import lading_list
from lading_local.options import LocalOptions


@pytest.fixture
def other(tmp_path: Path) -> Iterator[LocalService]:
    """A service of another store."""
    root = tmp_path / "other"
    (root / "work").mkdir(parents=True)
    other = LocalService(root, Recorder(root / "work"))
    yield other
    stop(other.folder)


def listed(service: LocalService, below: Path) -> list[Listed]:
    """The services that are listed for a folder."""
    deployment = Deployment(service="salary", target="local", options=LocalOptions())
    objects = lading_list(ListRequest(deployment=deployment), service.context).objects
    return [each for each in objects if Path(each.owner).is_relative_to(below)]


def test_running_services_of_this_user_are_listed_with_their_tags(service: LocalService, other: LocalService) -> None:
    assert listed(service, service.root) == []
    service.deploy()
    other.deploy()
    own, found = listed(service, service.root)
    request = other.request()
    assert (own.owner, found.owner) == (str(service.context.work), str(other.context.work))
    assert (found.service, found.release, found.state) == ("salary", 1, State.RUNNING)
    assert (found.package_digest, found.model_sha256) == (request.package.digest, request.package.model.sha256)
    assert (found.uri, own.uri) == (uri_of(other), uri_of(service))
    assert found.name == f"pid {other.folder.state()['pid']}"
    other.delete()
    assert [each.owner for each in listed(service, service.root)] == [own.owner]


def test_a_stopped_service_is_listed_only_for_its_own_deployment(service: LocalService, other: LocalService) -> None:
    service.deploy()
    other.deploy()
    kill_supervisor(other)
    assert [each.state for each in listed(other, other.root)] == [State.STOPPED]
    assert [each.owner for each in listed(service, service.root)] == [str(service.context.work)]


def test_a_canary_is_listed_beside_the_stable_release(service: LocalService, other: LocalService) -> None:
    for each in (service, other):
        each.deploy(1)
        deploy_beside(each)
    found = listed(service, service.root)
    assert [(each.release, each.state) for each in found] == [(1, State.RUNNING), (2, State.RUNNING)] * 2
    kill_supervisor(service)
    assert [(each.service, each.state) for each in listed(service, service.context.work)] == [
        ("salary", State.STOPPED),
        ("salary", State.STOPPED),
    ]


@pytest.mark.parametrize("pid", [1, "the test's own"])
def test_a_folder_without_its_supervisors_state_is_not_listed(
    service: LocalService, other: LocalService, pid: int | str
) -> None:
    other.deploy()
    state = other.folder.state()
    state["pid"] = pid if isinstance(pid, int) else os.getpid()
    other.folder.write_state(state)
    assert listed(service, other.root) == []


def test_a_planted_folder_of_a_supervisor_is_reported_and_not_listed(
    service: LocalService, other: LocalService
) -> None:
    other.deploy()
    (other.context.work / "state.json").unlink()
    (other.context.work / "state.json").symlink_to("/etc/passwd")
    assert listed(service, other.root) == []
    assert any(f"{other.context.work}/state.json is a link" in warning for warning in service.context.warnings)


def test_an_address_on_another_machine_is_not_listed(service: LocalService, other: LocalService) -> None:
    other.deploy()
    file = other.context.work / "state.json"
    state = json.loads(file.read_bytes())
    state["releases"]["1"]["public_uri"] = "http://198.51.100.1:80/score"
    other.folder.write_state(state)
    assert listed(service, other.root) == []
    assert any("198.51.100.1" in warning for warning in service.context.warnings)
