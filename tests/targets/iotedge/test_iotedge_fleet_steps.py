"""Each step of a rollout to a fleet, on a hub in memory: from the check of the condition to the end, or back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.targets.iotedge.memory_hub import UP, WRONG, Scene, scene_in
from tests.targets.target_kit import id_of

from lading import BadInput, Candidate, DeployRequest, DeployStep, Failed, OutcomeUnknown, Pending, Ready, StageFailed
from lading_iotedge.fleet import Counts, counts, is_enough
from lading_iotedge.options import IotEdgeOptions, Registry, Wait
from lading_iotedge.port import AGENT, ROUTER, Configuration, Twin

OSLO = "tags.site = 'oslo'"
QUICK = Wait(timeout=60, grace=6)
OURS = {"lading_service": "salary", "lading_target": "t"}
FIVE = {"targetedCount": 5, "appliedCount": 5, "running": 5}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_in(tmp_path)


def to_oslo(scene: Scene, release: int = 1, **more: Any) -> DeployRequest[IotEdgeOptions]:
    return scene.request(release, **{"target_condition": OSLO, "wait": QUICK, **more})


def created(scene: Scene, request: DeployRequest[IotEdgeOptions]) -> str:
    """The name of the automatic deployment that a release has created."""
    scene.step(request)
    scene.step(request)
    return str(scene.hub.created[-1]["id"])


def up(scene: Scene, release: int = 1, **more: Any) -> str:
    """The name of the automatic deployment of a release that is up."""
    request = to_oslo(scene, release, **more)
    name = created(scene, request)
    scene.hub.count(name, **FIVE)
    assert through(scene, request) == Ready()
    scene.hub.asked.clear()
    return name


def through(scene: Scene, request: DeployRequest[IotEdgeOptions], **more: Any) -> DeployStep:
    for _ in range(30):
        if not isinstance(answer := scene.step(request, **more), Pending):
            return answer
    raise AssertionError("it is still pending")


def test_a_rollout_is_up_after_all_devices_ran_through_the_grace_period(scene: Scene) -> None:
    request = to_oslo(scene)
    assert scene.step(request) == Pending(phase="checked", detail=OSLO, retry_after=0.0)
    assert (scene.hub.asked, len(scene.hub.tested)) == ([], 1)
    answer = scene.step(request)
    (name,) = scene.hub.found
    assert answer == Pending(phase="rolling out", detail=name, retry_after=0.2)
    nobody = Pending(phase="rolling out", detail="no device meets the target condition", retry_after=1.0)
    assert scene.step(request) == nobody
    scene.hub.count(name, targetedCount=5, appliedCount=3, running=2)
    some = Pending(phase="rolling out", detail="applied 3, running 2, failed 0 of 5", retry_after=1.0)
    assert scene.step(request) == some
    scene.hub.count(name, **FIVE)
    assert [type(scene.step(request)) for _ in range(7)] == [Pending] * 6 + [Ready]
    assert scene.hub.asked == [f"create {name}"]
    assert scene.context.intents == [f"iot-edge/{name}/create"]


def test_a_new_deployment_is_a_layer_with_lading_metrics(scene: Scene) -> None:
    registry = Registry(address="registry.example", username="USER", password="PASSWORD")
    routes = {"up": "FROM /messages/* INTO $upstream"}
    labels = {"owner": "ml"}
    name = created(scene, to_oslo(scene, registry=registry, routes=routes, labels=labels, priority=3))
    (document,) = scene.hub.created
    content = document["content"]["modulesContent"]
    digest = document["labels"]["lading_content"]
    assert name == f"salary-{12 * 'd'}-{id_of(1)}"
    assert {key: value for key, value in document.items() if key not in ("content", "metrics")} == {
        "id": name,
        "schemaVersion": "2.0",
        "targetCondition": OSLO,
        "priority": 3,
        "labels": {
            **labels,
            **OURS,
            "lading_package": "d" * 64,
            "lading_model": "a" * 64,
            "lading_release": "1",
            "lading_release-id": id_of(1),
            "lading_content": digest,
        },
    }
    assert set(content) == {AGENT, ROUTER}
    assert set(content[AGENT]) == {
        "properties.desired.modules.salary",
        "properties.desired.runtime.settings.registryCredentials.registry-example",
    }
    assert content[ROUTER] == {"properties.desired.routes.up": routes["up"]}
    assert document["metrics"]["queries"] == {
        "running": f"{queried(name)} AND {reported('settings.image')} = 'registry.example/salary:1'"
        f" AND {reported('runtimeStatus')} = 'running'",
        "crashed": f"{queried(name)} AND {reported('settings.image')} = 'registry.example/salary:1'"
        f" AND {reported('runtimeStatus')} IN ['backoff', 'failed', 'stopped', 'unknown']",
        "refused": f"{queried(name)} AND properties.reported.lastDesiredStatus.code IN [400, 412, 417]",
    }


def queried(name: str) -> str:
    return (
        "SELECT deviceId FROM devices.modules WHERE moduleId = '$edgeAgent'"
        f" AND configurations.[[{name}]].status = 'Applied'"
    )


def reported(what: str) -> str:
    return f"properties.reported.modules.[[salary]].{what}"


def test_a_full_deployment_includes_iot_edge_itself(scene: Scene) -> None:
    created(scene, to_oslo(scene, mode="replace", edge_version="1.5"))
    content = scene.hub.created[0]["content"]["modulesContent"]
    agent, router = content[AGENT]["properties.desired"], content[ROUTER]["properties.desired"]
    assert set(agent["systemModules"]) == {"edgeAgent", "edgeHub"}
    assert set(agent["modules"]) == {"salary"}
    assert router["routes"] == {}


def test_an_existing_release_is_adopted(scene: Scene) -> None:
    name = up(scene)
    request = to_oslo(scene, 2)
    assert through(scene, request) == Ready()
    assert (list(scene.hub.found), scene.hub.asked) == ([name], [])


def test_a_release_with_a_lower_priority_than_another_is_not_adopted(scene: Scene) -> None:
    first = up(scene)
    scene.hub.put("newer", 12, OURS)
    second = created(scene, to_oslo(scene, 2))
    assert second != first
    assert scene.hub.found[second].priority == 13


def test_a_release_has_a_higher_priority_than_earlier_ones_which_are_removed_when_it_is_up(scene: Scene) -> None:
    first = up(scene)
    second = created(scene, request := to_oslo(scene, 2, image="registry.example/salary:2"))
    assert scene.hub.found[second].priority == 11
    scene.hub.count(second, **FIVE)
    answers = [scene.step(request) for _ in range(8)]
    assert answers[6] == Pending(phase="removing earlier releases", detail=first, retry_after=0.0)
    assert answers[7] == Ready()
    assert (list(scene.hub.found), scene.hub.asked) == ([second], [f"create {second}", f"delete {first}"])


@pytest.mark.parametrize(("mine", "priority", "expected"), [((), 10, 10), ((4,), 10, 10), ((10, 12), 10, 13)])
def test_a_priority_is_higher_than_all_of_lading(
    scene: Scene, mine: tuple[int, ...], priority: int, expected: int
) -> None:
    for number in mine:
        scene.hub.put(f"old-{number}", number, OURS)
    scene.hub.put("theirs", 99, {"lading_service": "salary", "lading_target": "other"})
    created(scene, to_oslo(scene, priority=priority))
    assert scene.hub.created[0]["priority"] == expected


def test_a_new_deployment_may_stay_invisible_for_a_while(scene: Scene) -> None:
    request = to_oslo(scene)
    name = created(scene, request)
    hidden = scene.hub.found.pop(name)
    looking = Pending(phase="looking for the deployment", detail=name)
    assert [scene.step(request) for _ in range(8)] == [looking] * 8
    assert scene.step(request) == Pending(phase="rolling out", detail=name, retry_after=0.2)
    assert scene.hub.asked == [f"create {name}"] * 2
    assert scene.hub.found[name].labels == hidden.labels


def test_too_many_failures_revert_a_rollout_and_name_the_devices(scene: Scene) -> None:
    first = up(scene)
    name = created(scene, request := to_oslo(scene, 2, image="registry.example/salary:2"))
    scene.hub.count(name, targetedCount=9, appliedCount=9, running=1, crashed=6, refused=1)
    scene.hub.selected = {"IN ['backoff'": tuple(Twin(f"d{number}", {}, 1, {}) for number in range(8))}
    for _ in range(6):
        assert isinstance(scene.step(request), Pending)
    reason = "applied 9, running 1, failed 7 of 9: d0, d1, d2, d3, d4, …"
    assert scene.step(request) == Pending(phase="reverting the release", detail=reason, retry_after=0.0)
    assert scene.step(request) == Pending(phase="reverting the release", detail=name, retry_after=0.0)
    assert scene.step(request) == Failed(reason=reason)
    assert list(scene.hub.found) == [first]
    assert scene.context.warnings == [f"the deployment {name} is removed: {reason}"]


def test_passing_failures_do_not_add_up(scene: Scene) -> None:
    """A query with too many failed devices counts. The sum of these must reach the grace period."""
    name = created(scene, request := to_oslo(scene, wait=Wait(timeout=60, grace=6, max_failed=1)))
    for number in range(7):
        scene.hub.count(name, targetedCount=5, running=3, crashed=1 + (number % 2))
        assert isinstance(scene.step(request), Pending)
    scene.hub.count(name, **FIVE)
    assert through(scene, request) == Ready()


def test_a_wrong_response_reverts_a_rollout(scene: Scene) -> None:
    device = Twin("d1", {}, 1, {}, tags={"lan": "10.0.0.1"})
    module = {"settings": {"createOptions": '{"HostConfig":{"PortBindings":{"5001/tcp":[{"HostPort":"80"}]}}}'}}
    agent = Twin("d1", {}, 1, {"modules": {"salary": module}})
    scene.hub.selected = {"iotEdge = true AND (tags.site": (device,), "moduleId = '$edgeAgent'": (agent,)}
    request = to_oslo(scene, host_port=80, scoring_host="tag:lan")
    name = created(scene, request)
    scene.hub.count(name, **FIVE)
    assert through(scene, request) == Candidate(uri="http://10.0.0.1:80/score", start_limit=60)
    assert scene.step(request, WRONG) == Pending(phase="reverting the release", detail=name, retry_after=0.0)
    assert scene.step(request, WRONG) == Failed(reason="a golden request was answered wrongly")
    assert scene.hub.found == {}


def test_a_correct_response_ends_a_rollout(scene: Scene) -> None:
    request = to_oslo(scene)
    scene.hub.count(created(scene, request), **FIVE)
    assert through(scene, request, verdict=UP) == Ready()


def test_an_adopted_deployment_is_not_removed_by_a_release_that_did_not_create_it(scene: Scene) -> None:
    name = up(scene)
    request = to_oslo(scene, 2)
    scene.step(request)
    assert scene.step(request, WRONG) == Failed(reason="a golden request was answered wrongly")
    assert list(scene.hub.found) == [name]


@pytest.mark.parametrize(
    ("metrics", "fails"), [({"running": 3}, False), ({"running": 3, "reportedFailedCount": 1}, True), ({}, False)]
)
def test_a_late_rollout_ends_with_the_counts_of_the_hub(scene: Scene, metrics: dict[str, int], fails: bool) -> None:
    name = created(scene, request := to_oslo(scene, wait=Wait(timeout=3, grace=6)))
    scene.hub.count(name, targetedCount=5, appliedCount=5, **metrics)
    if fails:
        assert through(scene, request) == Failed(reason="applied 5, running 3, failed 0 of 5")
        return
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match=f"{name}: applied 5, running"):
            through(scene, request)
    assert list(scene.hub.found) == [name]


def test_a_condition_that_the_hub_rejects_is_bad_input(scene: Scene) -> None:
    scene.hub.objections = ("unexpected &&", "no such field")
    with pytest.raises(BadInput) as caught:
        scene.step(to_oslo(scene))
    assert caught.value.message == "h.azure-devices.net says: unexpected &&; no such field"
    assert caught.value.option == "target_condition"
    assert (scene.hub.asked, list(scene.context.work.iterdir())) == ([], [])


def test_an_image_for_another_platform_is_bad_input(scene: Scene) -> None:
    with pytest.raises(BadInput, match="the image is for linux/amd64, and the fleet is linux/arm64") as caught:
        scene.step(to_oslo(scene, platform="linux/arm64"))
    assert (caught.value.option, scene.hub.tested) == ("platform", [])


def test_a_deployment_of_another_owner_is_not_changed(scene: Scene) -> None:
    request = to_oslo(scene)
    name = created(scene, request)
    scene.hub.put(name, 1, {})
    with pytest.raises(StageFailed, match=f"an automatic deployment {name} is on h.azure-devices.net already"):
        scene.step(request)
    assert name in scene.hub.found


@pytest.mark.parametrize(
    "change",
    [{"image": "registry.example/salary:2"}, {"env": {"A": "1"}}, {"labels": {"a": "b"}}, {"target_condition": "*"}],
)
def test_a_release_of_another_store_with_other_content_gets_a_name_of_its_id(
    scene: Scene, tmp_path: Path, change: dict[str, Any]
) -> None:
    first = created(scene, to_oslo(scene))
    other = replace(scene, context=replace(scene.context, work=tmp_path / "work2"))
    other.context.work.mkdir()
    assert created(other, replace(to_oslo(other, **change), release_id=id_of(7))) == f"salary-{12 * 'd'}-{id_of(7)}"
    assert first in scene.hub.found


def test_a_release_of_another_store_with_the_same_content_adopts_the_existing_one(scene: Scene, tmp_path: Path) -> None:
    first = up(scene)
    other = replace(scene, context=replace(scene.context, work=tmp_path / "work2"))
    other.context.work.mkdir()
    made, request = len(scene.hub.created), to_oslo(other)
    request = replace(request, release_id=id_of(7), tags={**request.tags, "lading.release-id": id_of(7)})
    other.step(request)
    other.step(request)
    assert (len(scene.hub.created), [*scene.hub.found]) == (made, [first])


@pytest.mark.parametrize(
    ("metrics", "expected", "words"),
    [
        ({}, Counts(0, 0, 0, 0, 0), "no device meets the target condition"),
        ({"targetedCount": 2}, Counts(2, 0, 0, 0, 0), "applied 0, running 0, failed 0 of 2"),
        (
            {"targetedCount": 9, "appliedCount": 8, "running": 3, "crashed": 2, "refused": 1, "reportedFailedCount": 4},
            Counts(targeted=9, applied=8, running=3, failed=3, failing=6),
            "applied 8, running 3, failed 3 of 9",
        ),
        (
            {"targetedCount": 9, "crashed": 2, "refused": 3},
            Counts(9, 0, 0, 5, 5),
            "applied 0, running 0, failed 5 of 9",
        ),
    ],
)
def test_counts_of_the_hub_are_converted(metrics: dict[str, int], expected: Counts, words: str) -> None:
    found = counts(Configuration(id="a", etag="e", priority=1, labels={}, metrics=metrics))
    assert (found, str(found)) == (expected, words)


@given(percent=st.integers(1, 100), hundreds=st.integers(1, 30))
def test_exactly_the_required_share_of_devices_is_enough(percent: int, hundreds: int) -> None:
    options = IotEdgeOptions(hub="H", target_condition="*", wait=Wait(min_success=percent / 100))
    needed = percent * hundreds
    assert is_enough(Counts(hundreds * 100, 0, needed, 0, 0), options)
    assert not is_enough(Counts(hundreds * 100, 0, needed - 1, 0, 0), options)


@pytest.mark.parametrize(
    ("seen", "enough"),
    [
        (Counts(targeted=0, applied=0, running=0, failed=0, failing=0), False),
        (Counts(targeted=3, applied=3, running=2, failed=0, failing=0), True),
        (Counts(targeted=3, applied=3, running=1, failed=0, failing=0), False),
        (Counts(targeted=3, applied=3, running=2, failed=1, failing=1), True),
        (Counts(targeted=9, applied=9, running=7, failed=2, failing=2), False),
    ],
)
def test_enough_means_a_share_that_runs_and_few_failures(seen: Counts, enough: bool) -> None:
    options = IotEdgeOptions(hub="H", target_condition="*", wait=Wait(min_success=0.5, max_failed=1))
    assert is_enough(seen, options) == enough
