"""Queries of a module or a fleet: state, address and log, and deletion. With a hub in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.targets.iotedge.memory_hub import Scene, scene_in

from lading import Done, Json, Logs, LogsRequest, NoScoringUri, Pending, Ready, ScoringUri, State, Status
from lading_iotedge import asking
from lading_iotedge.judging import Judgement, Seen, described, judge
from lading_iotedge.options import Registry, Wait
from lading_iotedge.port import AGENT, Twin

QUICK = Wait(timeout=60, grace=6)
OURS = {
    "lading_service": "salary",
    "lading_target": "t",
    "lading_package": "p",
    "lading_model": "m",
    "lading_release-id": "r",
}
REACHED: dict[str, Any] = {"host_port": 8080, "scoring_host": "pi.local"}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = scene_in(tmp_path)
    scene.hub.add("pi")
    return scene


def deployed(scene: Scene, **options: Any) -> Scene:
    """The scene with the module deployed and reported."""
    request = scene.request(device="pi", wait=QUICK, **options)
    for _ in range(2):
        assert isinstance(scene.step(request), Pending)
    scene.hub.report("pi")
    scene.hub.asked.clear()
    scene.context.intents.clear()
    return scene


def status(scene: Scene, **options: Any) -> Status:
    return asking.status(scene.deployment(device="pi", **options), scene.context, scene.hub)


@pytest.mark.parametrize(
    ("report", "state", "detail"),
    [
        ({}, State.RUNNING, ""),
        ({"status": "backoff", "exitCode": 1}, State.FAILED, "the module salary is backoff, exit code 1"),
        ({"status": "stopped"}, State.FAILED, "the module salary is stopped"),
        ({"code": 400}, State.FAILED, "the device reports that its content is malformed: "),
        ({"code": 500}, State.PENDING, "the device answers 500: "),
        ({"code": 406}, State.PENDING, "applied, not yet reported"),
    ],
)
def test_the_state_is_the_devices_report(scene: Scene, report: dict[str, Any], state: State, detail: str) -> None:
    deployed(scene).hub.report("pi", **report)
    expected = Status(
        state=state, package_digest="d" * 64, model_sha256="a" * 64, release_id="0000000000000001", detail=detail
    )
    assert status(scene) == expected


def test_a_module_that_is_not_reported_yet_is_pending(scene: Scene) -> None:
    deployed(scene)
    scene.hub.change("pi", version=scene.hub.agent("pi").version + 1)
    assert (status(scene).state, status(scene).detail) == (State.PENDING, "applied, not yet reported")


@pytest.mark.parametrize(("seen", "words"), [("noon", "since noon"), ("", "")])
def test_an_offline_device_shows_its_last_report(scene: Scene, seen: str, words: str) -> None:
    deployed(scene).hub.change("pi", connected=False, seen=seen)
    detail = f"as last reported (device is offline {words})".replace(" )", ")")
    assert (status(scene).state, status(scene).detail) == (State.RUNNING, detail)


def test_a_missing_or_foreign_module_is_absent(scene: Scene) -> None:
    assert status(scene) == Status(state=State.ABSENT)
    assert status(deployed(scene), module="other") == Status(state=State.ABSENT)
    theirs = {"salary": {"settings": {"image": "theirs:1"}}}
    scene.hub.change("pi", desired={**scene.hub.agent("pi").desired, "modules": theirs})
    assert status(scene) == Status(state=State.ABSENT)
    scene.hub.twins.clear()
    assert status(scene) == Status(state=State.ABSENT)


def uri(scene: Scene, **options: Any) -> ScoringUri | NoScoringUri:
    return asking.scoring_uri(scene.deployment(device="pi", **options), scene.hub)


INTERNAL = "http://salary:5001/score"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("pi.local", "http://pi.local:8080/score"),
        ("10.0.0.1", "http://10.0.0.1:8080/score"),
        ("fe80::1", "http://[fe80::1]:8080/score"),
        ("[fe80::1]", "http://[fe80::1]:8080/score"),
        ("tag:net.lan", "http://10.0.0.2:8080/score"),
        ("reported:address", "http://10.0.0.3:8080/score"),
    ],
)
def test_an_address_is_the_reported_port_at_the_host_in_the_manifest(scene: Scene, host: str, expected: str) -> None:
    options = {"host_port": 8080, "scoring_host": host}
    deployed(scene, **options)
    twin = Twin("pi", {}, 1, {"address": "10.0.0.3"}, tags={"net": {"lan": " 10.0.0.2\n"}})
    scene.hub.twins["pi", ""] = twin
    assert uri(scene, **options) == ScoringUri(uri=expected, internal=INTERNAL)


@pytest.mark.parametrize(
    ("tags", "host"),
    [
        ({}, "tag:net.lan"),
        ({"net": "10.0.0.2"}, "tag:net.lan"),
        ({"net": {"lan": 7}}, "tag:net.lan"),
        ({"net": {"lan": ""}}, "tag:net.lan"),
        ({"net": {"lan": "10.0.0.2"}}, "reported:net.lan"),
    ],
)
def test_a_twin_that_does_not_name_the_host_gives_no_address(scene: Scene, tags: dict[str, Json], host: str) -> None:
    options = {"host_port": 8080, "scoring_host": host}
    deployed(scene, **options)
    scene.hub.twins["pi", ""] = Twin("pi", {}, 1, {}, tags=tags)
    assert uri(scene, **options) == NoScoringUri(reason=f"the twin of pi has no {host}")


def test_a_module_without_an_external_port_says_who_can_reach_it(scene: Scene) -> None:
    reason = (
        "no scoring_host says where the device is reached; "
        "other modules of the device reach it at http://salary:5001/score"
    )
    assert uri(deployed(scene)) == NoScoringUri(reason=reason)


def test_an_address_is_available_after_the_port_is_reported(scene: Scene) -> None:
    deployed(scene, **REACHED).hub.change("pi", reported={})
    assert uri(scene, **REACHED) == NoScoringUri(reason="pi has not reported a port of the module salary")
    scene.hub.apply("pi", {AGENT: {"properties.desired": {"modules": {}}}})
    assert uri(scene, **REACHED) == NoScoringUri(reason="no module salary of this deployment is on pi")


def test_a_deletion_waits_for_the_device(scene: Scene) -> None:
    registry = Registry(address="registry.example", username="USER", password="PASSWORD")
    routes = {"up": "FROM /messages/* INTO $upstream"}
    before = scene.hub.agent("pi").desired
    options: dict[str, Any] = {"device": "pi", "registry": registry, "routes": routes}
    deployed(scene, **{key: value for key, value in options.items() if key != "device"})
    deployment = scene.deployment(**options)
    applied = asking.delete(deployment, scene.context, scene.hub)
    assert applied == Pending(phase="deleting", detail="pi has to remove salary", retry_after=5.0)
    assert scene.context.intents == ["iot-edge/pi/salary/delete"]
    assert scene.hub.agent("pi").desired["modules"] == before["modules"]
    assert scene.hub.agent("pi").desired["runtime"]["settings"]["registryCredentials"] == {}
    assert scene.hub.twins["pi", "$edgeHub"].desired["routes"] == {}
    stopping = asking.delete(deployment, scene.context, scene.hub)
    assert stopping == Pending(phase="deleting", detail="pi is stopping salary", retry_after=5.0)
    scene.hub.report("pi")
    assert asking.delete(deployment, scene.context, scene.hub) == Done()
    assert scene.hub.asked == ["apply pi"]


def test_credentials_that_another_module_needs_stay(scene: Scene) -> None:
    registry = Registry(address="registry.example", username="USER", password="PASSWORD")
    deployed(scene, registry=registry)
    desired = scene.hub.agent("pi").desired
    camera = {"settings": {"image": "registry.example/camera:1"}}
    scene.hub.change("pi", desired={**desired, "modules": {**desired["modules"], "camera": camera}})
    asking.delete(scene.deployment(device="pi", registry=registry), scene.context, scene.hub)
    assert set(scene.hub.modules("pi")) == {"camera"}
    assert set(scene.hub.agent("pi").desired["runtime"]["settings"]["registryCredentials"]) == {"registry-example"}


def test_an_offline_device_gets_the_deletion_and_the_command_does_not_wait(scene: Scene) -> None:
    deployed(scene)
    deployment = scene.deployment(device="pi")
    asking.delete(deployment, scene.context, scene.hub)
    scene.hub.change("pi", connected=False, seen="noon")
    assert asking.delete(deployment, scene.context, scene.hub) == Done()
    assert scene.context.warnings == [
        "pi runs the module salary until it is online again (device is offline since noon)"
    ]


def test_a_device_that_joined_a_fleet_keeps_the_content_of_the_fleet(scene: Scene) -> None:
    deployed(scene).hub.change("pi", deployments=("base", "salary-1"))
    assert asking.delete(scene.deployment(device="pi"), scene.context, scene.hub) == Done()
    assert set(scene.hub.modules("pi")) == {"salary"}
    assert status(scene) == Status(state=State.ABSENT)


def test_a_module_of_another_owner_is_not_deleted(scene: Scene) -> None:
    theirs = {"salary": {"settings": {"image": "theirs:1"}}}
    scene.hub.change("pi", desired={**scene.hub.agent("pi").desired, "modules": theirs})
    scene.hub.report("pi")
    deployment = scene.deployment(device="pi")
    assert asking.delete(deployment, scene.context, scene.hub) == Done()
    assert (scene.hub.asked, scene.hub.modules("pi")) == ([], theirs)


def log(scene: Scene, tail: int = 100, cursor: str | None = None, **options: Any) -> Logs:
    given = options or {"device": "pi"}
    return asking.logs(LogsRequest(deployment=scene.deployment(**given), tail=tail, cursor=cursor), scene.hub)


def test_a_log_is_the_agents_report_and_the_end_of_the_modules_log(scene: Scene) -> None:
    deployed(scene).hub.report("pi", restartCount=1, lastStartTimeUtc="noon", statusDescription="ok\n")
    scene.hub.logs["pi/salary"] = ("one", "two")
    said = "pi: the module salary is running, restarted 1 times: ok (started noon)"
    assert log(scene).lines == (said, "one", "two")
    assert log(scene, 1).lines == ("two",)
    assert log(scene, 0).lines == ()


def test_a_log_of_a_missing_module_is_empty(scene: Scene) -> None:
    assert log(scene).lines == ()
    scene.hub.twins.clear()
    assert log(scene).lines == ()


def test_a_log_of_an_unreported_module_says_so(scene: Scene) -> None:
    deployed(scene).hub.change("pi", reported={}, connected=False)
    assert log(scene).lines == ("pi: the module salary is not reported yet (device is offline)",)


@pytest.mark.parametrize("tail", [0, 1, 3, 100])
def test_a_followed_log_shows_each_new_line_once(scene: Scene, tail: int) -> None:
    deployed(scene).hub.logs["pi/salary"] = lines = tuple(f"line {number}" for number in range(8))
    scene.hub.logs["pi/salary"] = lines[:2]
    first = log(scene, tail)
    assert len(first.lines) == min(tail, 3)
    scene.hub.logs["pi/salary"] = lines[:7]
    second = log(scene, tail, first.cursor)
    assert second.lines == lines[2:7]
    assert log(scene, tail, second.cursor).lines == ()
    scene.hub.logs["pi/salary"] = lines
    assert log(scene, tail, second.cursor).lines == lines[7:]


def test_repeated_lines_of_a_followed_log_are_each_shown_once(scene: Scene) -> None:
    deployed(scene).hub.logs["pi/salary"] = ("scored", "scored")
    cursor = log(scene).cursor
    scene.hub.logs["pi/salary"] = ("scored",) * 5
    found = log(scene, 0, cursor)
    assert found.lines == ("scored",) * 3
    assert log(scene, 0, found.cursor).lines == ()


def test_a_followed_log_continues_after_lost_lines(scene: Scene) -> None:
    lines = tuple(f"line {number % 90}" for number in range(220))
    deployed(scene).hub.logs["pi/salary"] = lines[:120]
    cursor = log(scene).cursor
    scene.hub.logs["pi/salary"] = lines[:190]
    assert log(scene, 0, cursor).lines == lines[120:190]
    assert log(scene, 150, cursor).lines == lines[120:190]


def fleet(scene: Scene, **options: Any) -> dict[str, Any]:
    return {"target_condition": "tags.site = 'oslo'", **options}


@pytest.mark.parametrize(
    ("metrics", "state", "detail"),
    [
        ({}, State.PENDING, "no device meets the target condition"),
        ({"targetedCount": 2, "running": 2}, State.RUNNING, "applied 0, running 2, failed 0 of 2"),
        ({"targetedCount": 2, "running": 1}, State.PENDING, "applied 0, running 1, failed 0 of 2"),
        ({"targetedCount": 2, "running": 1, "crashed": 1}, State.FAILED, "applied 0, running 1, failed 1 of 2"),
    ],
)
def test_the_state_of_a_fleet_comes_from_the_counts_of_the_hub(
    scene: Scene, metrics: dict[str, int], state: State, detail: str
) -> None:
    scene.hub.put("old", 10, OURS, targetedCount=9)
    scene.hub.put("new", 11, OURS, **metrics)
    scene.hub.put("theirs", 12, {**OURS, "lading_target": "other"}, targetedCount=7)
    expected = Status(state=state, package_digest="p", model_sha256="m", release_id="r", detail=detail)
    assert asking.status(scene.deployment(**fleet(scene)), scene.context, scene.hub) == expected


def test_a_fleet_without_a_deployment_of_lading_is_absent(scene: Scene) -> None:
    scene.hub.put("theirs", 12, {**OURS, "lading_service": "other"})
    deployment = scene.deployment(**fleet(scene))
    assert asking.status(deployment, scene.context, scene.hub) == Status(state=State.ABSENT)
    reason = "no automatic deployment of this service is on the hub"
    assert asking.scoring_uri(deployment, scene.hub) == NoScoringUri(reason=reason)
    assert asking.delete(deployment, scene.context, scene.hub) == Done()
    assert log(scene, **fleet(scene)).lines == ()
    assert scene.hub.asked == []


def test_deployments_of_a_fleet_are_removed_one_by_one_newest_first(scene: Scene) -> None:
    scene.hub.put("old", 10, OURS)
    scene.hub.put("new", 11, OURS)
    scene.hub.put("theirs", 12, {})
    deployment = scene.deployment(**fleet(scene))
    seen = [asking.delete(deployment, scene.context, scene.hub) for _ in range(3)]
    pending = [Pending(phase="deleting", detail=name, retry_after=0.0) for name in ("new", "old")]
    assert seen == [*pending, Done()]
    assert scene.context.intents == ["iot-edge/new/delete", "iot-edge/old/delete"]
    assert list(scene.hub.found) == ["theirs"]


def agent_of(device: str, port: str = "8080") -> Twin:
    binding = f'{{"HostConfig":{{"PortBindings":{{"5001/tcp":[{{"HostPort":"{port}"}}]}}}}}}'
    return Twin(device, {}, 1, {"modules": {"salary": {"settings": {"createOptions": binding}}}})


def test_a_fleet_has_an_address_for_each_device_that_names_its_host(scene: Scene) -> None:
    scene.hub.put("new", 11, OURS)
    devices = tuple(Twin(f"d{n}", {}, 1, {}, tags={"lan": f"10.0.0.{n}"} if n != 2 else {}) for n in (3, 1, 2))
    agents = (*map(agent_of, ("d3", "d1", "d2", "gone")),)
    scene.hub.selected = {"iotEdge = true AND (tags.site = 'oslo')": devices, "configurations.[[new]]": agents}
    found = asking.scoring_uri(
        scene.deployment(**fleet(scene, host_port=8080, scoring_host="tag:lan", module="salary")), scene.hub
    )
    uris = {"d1": "http://10.0.0.1:8080/score", "d3": "http://10.0.0.3:8080/score"}
    assert found == ScoringUri(uri=uris["d1"], internal=INTERNAL, devices=uris)
    assert len(scene.hub.queries) == 2


@pytest.mark.parametrize(
    ("agents", "reason"),
    [((), "no device runs it yet"), ((agent_of("d1", ""),), "d1 has not reported a port of the module salary")],
)
def test_a_fleet_without_an_address_says_why(scene: Scene, agents: tuple[Twin, ...], reason: str) -> None:
    scene.hub.put("new", 11, OURS)
    scene.hub.selected = {"iotEdge = true": (Twin("d1", {}, 1, {}),), "configurations.[[new]]": agents}
    deployment = scene.deployment(target_condition="*", host_port=8080, scoring_host="tag:lan")
    assert asking.scoring_uri(deployment, scene.hub) == NoScoringUri(reason=reason)
    assert "AND (" not in scene.hub.queries[0]


def test_a_log_of_a_fleet_has_a_line_for_each_device(scene: Scene) -> None:
    scene.hub.put("new", 11, OURS, targetedCount=2, running=1)
    scene.hub.selected = {"configurations.[[new]]": (agent_of("d1"), Twin("d2", {}, 1, {}))}
    assert log(scene, **fleet(scene)).lines == (
        "new: applied 0, running 1, failed 0 of 2",
        "d1: the module salary is unknown",
        "d2: the module salary is not reported yet",
    )


RAN: Mapping[str, Json] = {"settings": {"image": "new:1"}, "runtimeStatus": "running"}


def agent(code: int, description: str = "", version: int = 4, module: Mapping[str, Json] = RAN) -> Twin:
    status = {"code": code, "description": description}
    reported = {"lastDesiredVersion": version, "lastDesiredStatus": status, "modules": {"salary": module}}
    return Twin("pi", {}, 4, reported)


OLD: Mapping[str, Json] = {**RAN, "settings": {"image": "old:1"}}


@pytest.mark.parametrize(
    ("twin", "expected"),
    [
        (agent(200), Judgement(seen=Seen.RUNNING, detail="running")),
        (agent(200, version=3), Judgement(seen=Seen.WAITING, detail="applied, not yet reported")),
        (agent(406), Judgement(seen=Seen.WAITING, detail="applied, not yet reported")),
        (agent(200, module=OLD), Judgement(seen=Seen.WAITING, detail="the module still has its old image")),
        (agent(200, module={}), Judgement(seen=Seen.WAITING, detail="the module still has its old image")),
        (
            agent(500, "The operation was canceled.", module=OLD),
            Judgement(seen=Seen.WAITING, detail="pulling the image"),
        ),
        (
            agent(500, "The operation was canceled."),
            Judgement(seen=Seen.FAILING, detail="the device answers 500: The operation was canceled."),
        ),
        (agent(500, "no\nway"), Judgement(seen=Seen.FAILING, detail="the device answers 500: no way")),
        (agent(417, "x"), Judgement(seen=Seen.REFUSED, detail="the device reports that its content is empty: x")),
        (
            agent(200, module={**RAN, "restartCount": 2}),
            Judgement(seen=Seen.RUNNING, detail="running", restarts=2),
        ),
        (
            agent(200, module={**RAN, "runtimeStatus": "failed", "exitCode": 3}),
            Judgement(seen=Seen.CRASHING, detail="the module salary is failed, exit code 3"),
        ),
        (Twin("pi", {}, 4, {}), Judgement(seen=Seen.WAITING, detail="applied, not yet reported")),
    ],
)
def test_a_report_is_judged_by_the_rules_of_iot_edge(twin: Twin, expected: Judgement) -> None:
    assert judge(twin, "salary", "new:1") == expected


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "the module m is unknown"),
        ({"runtimeStatus": "run\x1bning\n"}, "the module m is running"),
        ({"runtimeStatus": "failed", "exitCode": 0, "restartCount": 0}, "the module m is failed"),
        (
            {"runtimeStatus": "backoff", "exitCode": 137, "restartCount": 5, "statusDescription": "killed"},
            "the module m is backoff, exit code 137, restarted 5 times: killed",
        ),
    ],
)
def test_a_module_is_described_in_words(found: dict[str, Json], words: str) -> None:
    assert described("m", found) == words


def test_a_ready_deploy_leaves_a_ready_state(scene: Scene) -> None:
    request = deployed(scene).request(device="pi", wait=QUICK)
    answers = [scene.step(request) for _ in range(9)]
    assert Ready() in answers
    assert status(scene).state is State.RUNNING
