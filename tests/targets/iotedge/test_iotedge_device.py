"""One device: the changes, the modules that stay unchanged, and failures."""

from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus

import pytest
from offline_iothub.client import Record, content
from offline_iothub.simulated import Behaviour
from tests.targets.iotedge.iotedge_kit import Project, answering, refusing
from tests.waiting import LIMIT

pytestmark = pytest.mark.slow

CRASHES = Behaviour("crash", module="salary", exit_code=3)


@pytest.fixture
def pi(project: Project) -> Project:
    """A device with a module of another owner."""
    project.hub.add_device("pi", tags={"address": "127.0.0.1"})
    project.neighbours("pi", camera="camera:1")
    return project


def test_a_module_is_deployed_and_deleted_beside_others(pi: Project) -> None:
    before = pi.started("pi", "camera")
    pi.write(device="pi", routes={"up": "FROM /messages/modules/salary/* INTO $upstream"}, startup_order=2)
    done = pi.deploy()
    assert "other modules of the device reach it at http://salary:5001/score" in done.err
    row = pi.status()
    assert (row["state"], row["release"]) == ("running", 1)
    calls = len(list(pi.hub.calls))
    assert pi.deploy("--json").json()["deployments"][0]["reused"]
    assert [call.method for call in list(pi.hub.calls)[calls:]] == ["GET"] * 3  # its state, its routes and its address
    assert "pi: the module salary is running" in pi.shell("logs").out

    first = pi.modules()["salary"]["settings"]["image"]
    pi.write(2, device="pi")
    pi.deploy()
    assert pi.modules()["salary"]["settings"]["image"] != first
    assert pi.hub.state["devices"]["pi"]["modules"]["$edgeHub"]["properties"]["desired"]["routes"] == {}
    assert pi.status()["release"] == 2

    pi.shell("rollback")
    assert pi.modules()["salary"]["settings"]["image"] == first
    assert [row["state"] for row in pi.shell("history", "--json").json()] == ["up", "superseded", "superseded"]

    pi.shell("delete")
    assert set(pi.modules()) == {"camera"}
    assert pi.started("pi", "camera") == before
    assert pi.status()["state"] == "absent"


def test_a_crash_loop_restores_the_previous_module(pi: Project) -> None:
    env = {"TOKEN": "${SALARY_TOKEN}"}
    create_options = {"HostConfig": {"Binds": ["${DATA}:/data"]}}
    values = {"SALARY_TOKEN": "c4n4ry-of-salary", "DATA": "/c4n4ry/data"}
    pi.write(device="pi", env=env, create_options=create_options)
    pi.deploy(code=0, **values)
    before = pi.modules()
    pi.hub.behave("pi", behaviours=[CRASHES])
    started = pi.started("pi", "camera")
    pi.write(2, device="pi")  # the restored module needs variables that this manifest does not name
    refused = pi.shell.start("deploy", **values)
    released(pi, "salary")  # the device recovers after the old module is restored
    _, err = refused.communicate(timeout=LIMIT)
    assert refused.returncode == 8, err
    assert "exit code 3" in err
    assert "the previous content of pi is applied again" in err
    assert pi.modules() == before
    assert pi.started("pi", "camera") == started
    kept = b"".join(file.read_bytes() for file in pi.shell.folder.rglob("*") if file.is_file())
    assert [value for value in values.values() if value.encode() in kept] == []


def released(pi: Project, module: str) -> None:
    """Let a module that crashed before run, as soon as it is restored."""
    crashing = pi.hub.agent("pi")["reported"]["modules"][module]["settings"]["image"]
    pi.hub.behave("pi", behaviours=[Behaviour("crash", module=module, image=f"^(?!{crashing})", exit_code=3)])


def test_a_first_module_that_crashes_is_removed(pi: Project) -> None:
    pi.hub.behave("pi", behaviours=[replace(CRASHES, message="no model is here")])
    pi.write(device="pi")
    done = pi.deploy(code=8)
    assert "did not come up" in done.err
    assert "the end of the module's log:" in done.err
    assert "no model is here" in done.err
    assert set(pi.modules()) == {"camera"}
    assert pi.status()["state"] == "absent"


def test_content_that_the_device_cannot_read_is_reverted_at_once(pi: Project) -> None:
    pi.hub.behave("pi", behaviours=[Behaviour("refuse", module="salary", message="manifest unknown")])
    pi.write(device="pi", wait={"grace": 0.3, "timeout": 15})
    assert "the device answers 500: manifest unknown" in pi.deploy(code=8).err
    assert set(pi.modules()) == {"camera"}


def test_an_offline_device_gets_its_module_when_it_reconnects(pi: Project) -> None:
    pi.hub.disconnect("pi")
    pi.write(device="pi", wait={"grace": 0.3, "timeout": 15})
    done = pi.deploy(code=7)
    assert "applied, not yet reported (device is offline since 20" in done.err
    assert "run the same command again" in done.err
    assert pi.status()["state"] == "pending"
    pi.hub.connect("pi")
    pi.deploy()
    assert pi.status()["release"] == 1
    applied = [call for call in pi.writes if "applyConfigurationContent" in call]
    assert len(applied) == 1
    pi.hub.disconnect("pi")
    assert pi.status()["state"] == "running"
    assert "as last reported (device is offline since" in pi.status()["detail"]
    assert "pi runs the module salary until it is online again" in pi.shell("delete").err
    assert set(pi.modules()) == {"camera"}


def test_a_rollback_of_an_offline_device_waits_for_it_there(pi: Project) -> None:
    for model in (1, 2):
        pi.write(model, device="pi", wait={"grace": 0.3, "timeout": 15})
        pi.deploy()
    running = pi.modules()["salary"]["settings"]["image"]
    pi.hub.disconnect("pi")
    queued = pi.shell("rollback", code=7).err
    assert "applied, not yet reported (device is offline since 20" in queued
    pi.hub.connect("pi")
    pi.shell("rollback")
    assert pi.modules()["salary"]["settings"]["image"] != running
    assert [row["state"] for row in pi.shell("history", "--json").json()] == ["up", "superseded", "superseded"]


def test_the_time_limit_of_the_command_counts_too(pi: Project) -> None:
    pi.hub.behave("pi", behaviours=[Behaviour("pull", module="salary", seconds=None)])
    pi.write(device="pi")
    assert "run the same command again" in pi.deploy("--timeout", "20", code=7).err


def test_golden_requests_are_sent_before_other_modules_are_removed(pi: Project) -> None:
    with answering([1]) as port:
        pi.write(device="pi", mode="replace", host_port=port, scoring_host="tag:address")
        done = pi.deploy()
        assert done.out == f"http://127.0.0.1:{port}/score\n"
        assert set(pi.modules()) == {"salary"}
        assert pi.shell("score", "-d", '{"data": [[21]]}').out == "[1]\n"
        assert pi.shell("uri", "--json").json()["internal"] == "http://salary:5001/score"
    with answering([2]) as wrong:
        before = pi.modules()
        pi.write(2, device="pi", host_port=wrong, scoring_host="127.0.0.1")
        assert "expected 1" in pi.deploy(code=8).err
        assert pi.modules() == before


def test_a_module_that_does_not_listen_yet_is_not_a_wrong_answer(pi: Project) -> None:
    with refusing() as port:
        pi.write(device="pi", host_port=port, scoring_host="127.0.0.1")
        starting = pi.shell.start("deploy")
        shown = next(line for line in starting.stderr or () if "waiting until it answers" in line)
        assert "Connection refused" in shown
    with answering(HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, [1], port=port):
        _, rest = starting.communicate(timeout=LIMIT)
    assert starting.returncode == 0, rest
    assert "the service answered 50" in rest  # progress is shown once a second, so one of the two may be left out
    assert [row["state"] for row in pi.shell("history", "--json").json()] == ["up"]


def test_a_module_that_never_listens_is_reverted_at_its_limit(pi: Project) -> None:
    with refusing() as port:
        pi.write(device="pi", host_port=port, scoring_host="127.0.0.1", wait={"grace": 0.3, "timeout": 2})
        done = pi.deploy(code=8)
    assert "Connection refused" in done.err
    assert "it was not ready in time" in done.err
    assert "the previous content of pi is applied again: the module runs, but it does not answer" in done.err
    assert "answered wrongly" not in done.err
    assert set(pi.modules()) == {"camera"}


def test_a_host_that_the_twin_does_not_name_is_reported(pi: Project) -> None:
    pi.write(device="pi", host_port=8080, scoring_host="reported:net.lan")
    assert "the twin of pi has no reported:net.lan" in pi.deploy().err


def test_registry_credentials_are_added_and_removed(pi: Project) -> None:
    registry = {"address": "registry.example", "username": "PULL_USER", "password": "PULL_PASSWORD"}
    values = {"PULL_USER": "porter", "PULL_PASSWORD": "c4n4ry-of-project"}
    pi.write(device="pi", registry=registry)
    done = pi.deploy(code=0, **values)
    settings = pi.hub.agent("pi")["desired"]["runtime"]["settings"]
    wanted = {"address": "registry.example", "username": "porter", "password": "c4n4ry-of-project"}
    assert settings["registryCredentials"] == {"registry-example": wanted}
    assert "c4n4ry" not in done.err + done.out
    kept = b"".join(file.read_bytes() for file in pi.shell.folder.rglob("*") if file.is_file())
    assert b"c4n4ry" not in kept
    pi.shell("delete", code=0, **values)
    assert pi.hub.agent("pi")["desired"]["runtime"]["settings"]["registryCredentials"] == {}


def test_an_edit_in_the_portal_is_named_and_repaired(pi: Project) -> None:
    registry = {"address": "registry.example", "username": "PULL_USER", "password": "PULL_PASSWORD"}
    values = {"PULL_USER": "porter", "PULL_PASSWORD": "c4n4ry-of-project"}
    pi.write(device="pi", env={"MODE": "fast"}, registry=registry)
    pi.deploy(code=0, **values)
    image = pi.modules()["salary"]["settings"]["image"]

    def change(agent: Record, _router: Record) -> None:
        agent["modules"]["salary"]["settings"]["image"] = "other:1"
        agent["modules"]["salary"]["env"]["MODE"]["value"] = "slow"

    pi.hub.edit("pi", change)
    assert "image: changed on the hub to other:1; env.MODE: changed on the hub" in pi.status()["detail"]
    planned = pi.shell("plan", code=0, **values).out
    assert "~ targets.edge.image: changed on the hub to other:1" in planned
    assert "~ targets.edge.env.MODE: changed on the hub" in planned
    pi.deploy(code=0, **values)
    assert pi.modules()["salary"]["settings"]["image"] == image
    assert pi.modules()["salary"]["env"] == {"MODE": {"value": "fast"}}

    rotated = {**values, "PULL_PASSWORD": "n3w-c4n4ry"}
    planned = pi.shell("plan", code=0, **rotated).out
    assert planned.count("~ targets.edge.registry.password: secret changed") == 1
    pi.deploy(code=0, **rotated)
    (credential,) = pi.hub.agent("pi")["desired"]["runtime"]["settings"]["registryCredentials"].values()
    assert credential["password"] == "n3w-c4n4ry"
    assert "~ " not in pi.shell("plan", code=0, **rotated).out
    kept = b"".join(file.read_bytes() for file in pi.shell.folder.rglob("*") if file.is_file())
    assert b"c4n4ry" not in kept


def test_another_writer_is_named(pi: Project) -> None:
    pi.hub.compete("pi", content=content(camera="camera:1"))
    pi.write(device="pi")
    done = pi.deploy(code=6)
    assert "another writer has changed the module salary on pi: a program without the module salary" in done.err
    assert "the module salary on pi was changed or removed 3 times right after it was applied" in done.err
    assert "stop the other writer of pi" in done.err
    assert len([call for call in pi.writes if "applyConfigurationContent" in call]) == 3
    pi.hub.compete("pi", content=None)
    pi.deploy()
    assert set(pi.modules()) == {"camera", "salary"}


def test_a_deployment_moves_to_another_device(pi: Project) -> None:
    pi.hub.add_device("new", parent="pi")
    pi.hub.add_device("shelf", seen=False)
    pi.write(device="pi")
    pi.deploy()
    pi.write(device="new")
    moved = "device: salary (device pi), the old place, is removed once salary (device new) is up"
    assert moved in pi.shell("plan").out
    here, old = pi.shell("status", "--json").json()["deployments"]
    assert (here["state"], old["state"], old["service"]) == ("absent", "running", "salary")
    assert "new is a nested device: it reaches the hub through pi" in pi.deploy().err
    assert (set(pi.modules()), set(pi.modules("new"))) == ({"camera"}, {"salary"})
    listed = pi.shell("list", "--json").json()
    assert [row["name"] for row in listed["objects"]] == ["new/salary"]

    pi.write(device="shelf", wait={"grace": 0.3, "timeout": 2})
    done = pi.deploy(code=7)
    assert "shelf gets the module when it connects (device has never connected to the hub)" in done.err
    pi.write(device="new", module="salary", hub="OTHER")
    other = {"OTHER": pi.hub.connection_string}
    pi.deploy(code=0, **other)  # the same hub under another name, and a shelf whose deploy never ended
    assert (set(pi.modules("new")), pi.modules("shelf")) == ({"salary"}, {})

    pi.write(device="pi", keep_old_place=True)
    assert "stays there" in pi.shell("plan").out
    pi.deploy()
    assert (set(pi.modules()), set(pi.modules("new"))) == ({"camera", "salary"}, {"salary"})
    pi.shell("delete")
    assert (set(pi.modules()), set(pi.modules("new"))) == ({"camera"}, {"salary"})
    assert pi.status()["state"] == "absent"


def test_credentials_of_others_are_left_alone(pi: Project) -> None:
    theirs = {"registry-example": {"address": "other.example", "username": "u", "password": "p"}}

    def change(agent: Record, _router: Record) -> None:
        agent["runtime"]["settings"]["registryCredentials"] = theirs

    pi.hub.edit("pi", change)
    registry = {"address": "registry.example", "username": "PULL_USER", "password": "PULL_PASSWORD"}
    pi.write(device="pi", registry=registry)
    done = pi.deploy(code=2, PULL_USER="porter", PULL_PASSWORD="c4n4ry-of-project")
    assert "targets.edge.registry" in done.err
    assert "the device has credentials of other.example under the name registry-example already" in done.err
    assert pi.hub.agent("pi")["desired"]["runtime"]["settings"]["registryCredentials"] == theirs


def test_a_deploy_from_an_empty_store_adopts_the_module(pi: Project) -> None:
    pi.write(device="pi")
    pi.deploy()
    writes = list(pi.writes)
    pi.deploy("--store", "elsewhere")
    assert len(pi.writes) == len(writes) + 1  # the module gets the id of the new release
    assert json.loads(pi.shell("history", "--store", "elsewhere", "--json").out)[0]["state"] == "up"
