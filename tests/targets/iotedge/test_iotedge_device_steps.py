"""Each step of a deploy to one device, on a hub in memory: from the first query to the running module, or back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.targets.iotedge.memory_hub import UP, WRONG, Scene, scene_in

from lading import (
    BadInput,
    Candidate,
    DeployRequest,
    DeployStep,
    Failed,
    OutcomeUnknown,
    Pending,
    Ready,
    StageFailed,
    Verdict,
)
from lading_iotedge.options import IotEdgeOptions, Registry, Wait

QUICK = Wait(timeout=60, grace=6)
CHECKED = Pending(phase="checked", detail="pi", retry_after=0.0)
APPLIED = Pending(phase="applied", detail="pi", retry_after=0.2)
REACHED: dict[str, Any] = {"host_port": 8080, "scoring_host": "pi.local"}
BACK = "the previous content of pi is applied again: {}"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = scene_in(tmp_path)
    scene.hub.add("pi")
    return scene


def to_pi(scene: Scene, release: int = 1, **more: Any) -> DeployRequest[IotEdgeOptions]:
    return scene.request(release, **{"device": "pi", "wait": QUICK, **more})


def through(
    scene: Scene, request: DeployRequest[IotEdgeOptions], verdict: Verdict | None = None, looks: int = 30
) -> DeployStep:
    """Repeat steps until the answer is not Pending."""
    for _ in range(looks):
        if not isinstance(answer := scene.step(request, verdict), Pending):
            return answer
    raise AssertionError("it is still pending")


def running(scene: Scene, release: int = 1, **more: Any) -> DeployRequest[IotEdgeOptions]:
    """Bring a release up."""
    request = to_pi(scene, release, **more)
    assert scene.step(request) == CHECKED
    assert scene.step(request) == APPLIED
    scene.hub.report("pi")
    assert through(scene, request) == Ready()
    scene.hub.asked.clear()
    scene.context.intents.clear()
    return request


def test_a_module_is_up_after_it_has_run_through_the_grace_period(scene: Scene) -> None:
    request = to_pi(scene)
    assert scene.step(request) == CHECKED
    assert scene.hub.asked == []
    assert scene.step(request) == APPLIED
    assert scene.step(request) == Pending(phase="applied, not yet reported", detail="", retry_after=1.0)
    scene.hub.report("pi")
    assert scene.step(request) == Pending(phase="running", detail="", retry_after=1.0)
    seen = [scene.step(request) for _ in range(6)]
    assert seen[:2] == [Pending(phase="running", detail=f"{n} of 6 s", retry_after=1.0) for n in (1, 2)]
    assert seen[5] == Ready()
    assert scene.hub.asked == ["apply pi"]
    assert scene.context.intents == ["iot-edge/pi/salary/1/apply"]


def test_a_reachable_module_is_tested_before_it_is_up(scene: Scene) -> None:
    request = to_pi(scene, **REACHED)
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi")
    candidate = Candidate(uri="http://pi.local:8080/score", start_limit=60)
    assert through(scene, request) == candidate
    assert scene.step(request) == candidate
    assert scene.step(request, UP) == Ready()
    assert scene.hub.asked == ["apply pi"]


def test_a_module_that_never_answers_is_not_called_wrong(scene: Scene) -> None:
    request = to_pi(scene, **REACHED)
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi")
    through(scene, request)
    silent = Verdict(up=False, reason="Connection refused", answered=False)
    said = Pending(phase="reverting the release", detail="the module runs, but it does not answer", retry_after=0.0)
    assert scene.step(request, silent) == said


def test_a_wrong_response_removes_a_first_module(scene: Scene) -> None:
    before = scene.hub.agent("pi").desired
    request = to_pi(scene, **REACHED)
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi")
    through(scene, request)
    taking = Pending(phase="reverting the release", detail="a golden request was answered wrongly", retry_after=0.0)
    assert scene.step(request, WRONG) == taking
    assert scene.step(request, WRONG) == APPLIED
    assert scene.hub.agent("pi").desired == before
    assert scene.step(request, WRONG) == replace(taking, retry_after=1.0)
    scene.hub.report("pi")
    assert scene.step(request, WRONG) == Failed(reason="a golden request was answered wrongly")
    assert scene.context.warnings == [BACK.format("a golden request was answered wrongly")]
    assert scene.context.intents[-1] == "iot-edge/pi/salary/1/take back"


def test_a_wrong_response_restores_the_previous_module_unchanged(scene: Scene) -> None:
    routes = {"up": "FROM /messages/* INTO $upstream"}
    running(scene, image="registry.example/salary:1", routes=routes, env={"A": "1"})
    before = (scene.hub.agent("pi").desired, scene.hub.twins["pi", "$edgeHub"].desired)
    request = to_pi(scene, 2, image="registry.example/salary:2", routes={"down": "FROM /* INTO $upstream"}, **REACHED)
    for _ in range(2):
        scene.step(request)
    assert set(scene.hub.twins["pi", "$edgeHub"].desired["routes"]) == {"down"}
    scene.hub.report("pi")
    assert isinstance(through(scene, request), Candidate)
    for _ in range(2):
        scene.step(request, WRONG)
    assert (scene.hub.agent("pi").desired, scene.hub.twins["pi", "$edgeHub"].desired) == before
    scene.hub.report("pi")
    assert through(scene, request, WRONG) == Failed(reason="a golden request was answered wrongly")


def test_a_module_that_crashes_during_the_grace_period_is_reverted(scene: Scene) -> None:
    request = running(scene)
    request = to_pi(scene, 2, image="registry.example/salary:2")
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi", "backoff", exitCode=3, restartCount=2)
    scene.hub.logs["pi/salary"] = ("no model", "is here")
    crashed = "the module salary is backoff, exit code 3, restarted 2 times"
    phases = [scene.step(request) for _ in range(6)]
    assert phases == [Pending(phase=crashed, detail="", retry_after=1.0)] * 6
    assert scene.step(request) == Pending(phase="reverting the release", detail=crashed, retry_after=0.0)
    assert scene.context.warnings == ["the end of the module's log:\nno model\nis here"]
    scene.step(request)
    assert scene.hub.modules("pi")["salary"]["settings"]["image"] == "registry.example/salary:1"
    scene.hub.report("pi")
    assert scene.step(request) == Failed(reason=crashed)


def test_a_module_that_restarts_between_two_queries_does_not_count_as_steady(scene: Scene) -> None:
    request = to_pi(scene)
    for _ in range(2):
        scene.step(request)
    for restarts in range(7):
        scene.hub.report("pi", restartCount=restarts)
        assert isinstance(scene.step(request), Pending)
    scene.hub.report("pi", restartCount=7)
    again = Pending(phase="reverting the release", detail="the module keeps restarting", retry_after=0.0)
    assert scene.step(request) == again


def test_a_module_that_restarted_once_gets_its_full_grace_period_again(scene: Scene) -> None:
    request = to_pi(scene)
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi")
    for _ in range(6):
        scene.step(request)
    scene.hub.report("pi", restartCount=1)
    assert [type(scene.step(request)) for _ in range(8)] == [Pending] * 7 + [Ready]


@pytest.mark.parametrize(
    ("code", "word"), [(400, "malformed"), (412, "of a schema version that it does not know"), (417, "empty")]
)
def test_content_that_an_agent_rejects_is_reverted_at_once(scene: Scene, code: int, word: str) -> None:
    request = to_pi(scene)
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi", code=code)
    reason = f"the device reports that its content is {word}: "
    assert scene.step(request) == Pending(phase="reverting the release", detail=reason, retry_after=0.0)


@pytest.mark.parametrize(("code", "known"), [(500, True), (406, False)])
def test_a_late_deploy_ends_with_the_devices_report(scene: Scene, code: int, known: bool) -> None:
    """An error of the device ends the release. A device without a report leaves it open for the next command."""
    request = to_pi(scene, wait=Wait(timeout=3, grace=6))
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi", code=code)
    for _ in range(3):
        assert isinstance(scene.step(request), Pending)
    if known:
        late = Pending(phase="reverting the release", detail="the device answers 500: ", retry_after=0.0)
        assert scene.step(request) == late
        return
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="salary on pi: applied, not yet reported") as caught:
            through(scene, request)
        assert caught.value.hint is not None
        assert "run the same command again" in caught.value.hint
    scene.hub.report("pi")
    scene.context.warnings.clear()
    assert [type(scene.step(request)) for _ in range(3)] == [Pending] * 3


def test_a_module_that_restarts_slowly_does_not_stay_open(scene: Scene) -> None:
    """It runs at each second look, so it is never down for the grace period."""
    request = to_pi(scene, wait=Wait(timeout=8, grace=6))
    for _ in range(2):
        scene.step(request)
    for restarts in (0, 0, 0, 1, 1, 1, 2, 2):
        scene.hub.report("pi", restartCount=restarts)
        assert isinstance(scene.step(request), Pending)
    again = Pending(phase="reverting the release", detail="the module keeps restarting", retry_after=0.0)
    assert scene.step(request) == again


def test_a_candidate_that_stops_before_it_listens_is_reverted(scene: Scene) -> None:
    request = to_pi(scene, **REACHED)
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi")
    assert isinstance(through(scene, request), Candidate)
    scene.hub.report("pi", "failed", exitCode=1)
    crashed = "the module salary is failed, exit code 1"
    phases = [scene.step(request) for _ in range(7)]
    assert phases[-1] == Pending(phase="reverting the release", detail=crashed, retry_after=0.0)


def test_an_offline_device_gets_the_revert_and_the_command_does_not_wait(scene: Scene) -> None:
    request = to_pi(scene, **REACHED)
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi")
    through(scene, request)
    scene.hub.change("pi", connected=False, seen="noon")
    for _ in range(2):
        scene.step(request, WRONG)
    reason = "a golden request was answered wrongly; the previous content is queued (device is offline since noon)"
    assert scene.step(request, WRONG) == Failed(reason=reason)
    assert scene.hub.modules("pi") == {}


def test_the_wait_for_a_revert_is_limited(scene: Scene) -> None:
    request = to_pi(scene, wait=Wait(timeout=12, grace=6), **REACHED)
    for _ in range(2):
        scene.step(request)
    scene.hub.report("pi")
    through(scene, request)
    end = through(scene, request, WRONG)
    assert isinstance(end, Failed)
    assert end.reason.endswith("; the previous content is applied, but the device does not report that it runs")


def test_modules_that_are_replaced_are_removed_last(scene: Scene) -> None:
    running(scene, module="camera")
    request = scene.request(2, device="pi", wait=QUICK, mode="replace", module="salary2", **REACHED)
    for _ in range(2):
        scene.step(request)
    assert set(scene.hub.modules("pi")) == {"camera", "salary2"}
    scene.hub.report("pi")
    assert isinstance(through(scene, request), Candidate)
    assert set(scene.hub.modules("pi")) == {"camera", "salary2"}
    assert scene.step(request, UP) == APPLIED
    assert scene.context.intents[-1] == "iot-edge/pi/salary/2/remove the others"
    assert set(scene.hub.modules("pi")) == {"salary2"}
    scene.hub.report("pi")
    assert through(scene, request, UP) == Ready()


def test_a_module_removed_meanwhile_is_applied_again(scene: Scene) -> None:
    request = running(scene)
    desired = scene.hub.agent("pi").desired
    scene.hub.change("pi", desired={**desired, "modules": {}})
    assert scene.step(request) == APPLIED
    assert set(scene.hub.modules("pi")) == {"salary"}


def test_modules_of_other_owners_are_not_changed(scene: Scene) -> None:
    desired = scene.hub.agent("pi").desired
    camera = {"type": "docker", "settings": {"image": "camera:1"}}
    scene.hub.change("pi", desired={**desired, "modules": {"camera": camera}})
    request = running(scene)
    assert scene.hub.modules("pi")["camera"] == camera
    assert scene.step(request) == Ready()


REFUSALS: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({"device": "lamp"}, {}, "device", "the hub h.azure-devices.net has no device lamp"),
    ({"device": "plain"}, {}, "device", "the device plain of h.azure-devices.net is not an IoT Edge device"),
    ({}, {"deployments": ("a", "b")}, "device", "the device pi is managed by the automatic deployment a, b"),
    (
        {},
        {"reported": {"runtime": {"platform": {"os": "linux", "architecture": "aarch64"}}}},
        "device",
        "the image is for linux/amd64, and the device pi is linux/arm64",
    ),
    ({"platform": "linux/arm/v7"}, {}, "platform", "the image is for linux/amd64, and the device pi is linux/arm"),
    ({"image": "a b"}, {}, "", "a device cannot run the image 'a b'"),
    ({"host_port": 443}, {}, "host_port", "port 443 of the device is bound by the module edgeHub already"),
    (
        {"registry": Registry(address="a.b", username="NOBODY", password="PASSWORD")},
        {},
        "registry.username",
        "the environment variable NOBODY is not set",
    ),
]


@pytest.mark.parametrize(("options", "twin", "option", "message"), REFUSALS)
def test_content_that_a_device_cannot_accept_is_refused_before_anything_is_sent(
    scene: Scene, options: dict[str, Any], twin: dict[str, Any], option: str, message: str
) -> None:
    scene.hub.edge["plain"] = False
    scene.hub.change("pi", **twin)
    with pytest.raises(BadInput) as caught:
        scene.step(to_pi(scene, **options))
    assert (caught.value.message, caught.value.option) == (message, option)
    assert (scene.hub.asked, list(scene.context.work.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("architecture", "platform"),
    [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64/v8"), ("armv7l", "linux/arm/v7"), ("i686", "linux/386")],
)
def test_an_architecture_has_two_names(scene: Scene, architecture: str, platform: str) -> None:
    scene.hub.change("pi", reported={"runtime": {"platform": {"os": "Linux", "architecture": architecture}}})
    assert scene.step(to_pi(scene, built_for=platform, platform=platform)) == CHECKED


@pytest.mark.parametrize(
    ("labels", "owner"),
    [("", "is not Lading's"), ('{"Labels":{"lading.target":"prod"}}', "belongs to the target 'prod' of Lading")],
)
def test_a_module_of_another_owner_is_not_changed(scene: Scene, labels: str, owner: str) -> None:
    theirs = {"salary": {"settings": {"image": "theirs:1", "createOptions": labels}}}
    scene.hub.change("pi", desired={**scene.hub.agent("pi").desired, "modules": theirs})
    with pytest.raises(StageFailed) as caught:
        scene.step(to_pi(scene))
    assert caught.value.message == f"a module salary is on device pi already, and it {owner}: it is left alone"
    assert scene.hub.asked == []


@pytest.mark.parametrize(
    ("image", "warns"),
    [
        ("registry.example/salary", True),
        ("registry.example/salary:latest", True),
        ("registry.example:5000/salary", True),
        ("registry.example/salary:1", False),
        ("registry.example/salary@sha256:" + 64 * "a", False),
    ],
)
def test_a_floating_tag_causes_a_warning(scene: Scene, image: str, warns: bool) -> None:
    scene.step(to_pi(scene, image=image))
    assert len(scene.context.warnings) == warns


def test_a_device_without_content_gets_that_of_iot_edge_too(scene: Scene) -> None:
    scene.hub.edge["blank"] = True
    request = scene.request(device="blank", edge_version="1.5")
    for _ in range(2):
        scene.step(request)
    desired = scene.hub.agent("blank").desired
    images = {name: each["settings"]["image"] for name, each in desired["systemModules"].items()}
    assert images == {
        "edgeAgent": "mcr.microsoft.com/azureiotedge-agent:1.5",
        "edgeHub": "mcr.microsoft.com/azureiotedge-hub:1.5",
    }
    assert set(desired["modules"]) == {"salary"}


def test_credentials_of_a_registry_come_with_the_module(scene: Scene) -> None:
    registry = Registry(address="registry.example", username="USER", password="PASSWORD")
    running(scene, registry=registry)
    wanted = {"registry-example": {"address": "registry.example", "username": "porter", "password": "s3cr3t"}}
    assert scene.hub.agent("pi").desired["runtime"]["settings"]["registryCredentials"] == wanted
    kept = b"".join(file.read_bytes() for file in scene.context.work.iterdir())
    assert b"s3cr3t" not in kept
