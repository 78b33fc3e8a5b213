"""Queries of a service on Azure ML: its state, address, log and keys, and its deletion."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.targets.azureml.memory_workspace import LOST, Scene, scene_in

from lading import (
    BadInput,
    Context,
    Deployment,
    Done,
    Json,
    Keys,
    Logs,
    LogsRequest,
    NoScoringUri,
    OutcomeUnknown,
    Pending,
    ScoringUri,
    StageFailed,
    State,
    Status,
    Transient,
)
from lading_azureml.port import Operation, ServiceKeys
from lading_azureml_services import aci, answers
from lading_azureml_services.options import AciOptions

FOREIGN = "a service salary is in workspace w already, and it is not Lading's: it is left alone"
DEPLOYMENT = Deployment(service="salary", target="t", options=AciOptions())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_in(tmp_path)


@pytest.mark.parametrize(
    ("word", "error", "state", "detail"),
    [
        ("healthy", {}, State.RUNNING, ""),
        ("healthy", {"message": "an old one"}, State.RUNNING, ""),
        ("transitioning", {}, State.PENDING, "transitioning"),
        ("updating", {}, State.PENDING, "updating"),
        ("deleting", {}, State.PENDING, "deleting"),
        ("unhealthy", {"message": "it ended"}, State.FAILED, "it ended"),
        ("failed", {}, State.FAILED, "failed"),
        ("unschedulable", {"message": ""}, State.FAILED, "unschedulable"),
        ("stopped", {}, State.STOPPED, "stopped"),
        ("sleeping", {}, State.UNKNOWN, "sleeping"),
    ],
)
def test_each_state_of_azure_maps_to_a_state_of_lading(
    scene: Scene, word: str, error: dict[str, Json], state: State, detail: str
) -> None:
    scene.service(state=word, error=error)
    found = answers.lading_status(DEPLOYMENT, scene.context)
    assert found == Status(state=state, package_digest="p", model_sha256="m", detail=detail)


def test_a_missing_service_is_absent(scene: Scene) -> None:
    assert answers.lading_status(DEPLOYMENT, scene.context) == Status(state=State.ABSENT)
    expected = NoScoringUri(reason="the workspace has no service salary")
    assert answers.lading_scoring_uri(DEPLOYMENT, scene.context) == expected
    assert answers.lading_delete(DEPLOYMENT, scene.context) == Done()
    assert (scene.workspace.asked, scene.context.intents) == ([], [])


def test_a_service_of_another_owner_is_unknown(scene: Scene) -> None:
    scene.service(tags={})
    assert answers.lading_status(DEPLOYMENT, scene.context) == Status(state=State.UNKNOWN, detail=FOREIGN)
    assert answers.lading_scoring_uri(DEPLOYMENT, scene.context) == NoScoringUri(reason=FOREIGN)
    with pytest.raises(StageFailed, match="it is left alone"):
        answers.lading_keys(DEPLOYMENT, scene.context, None)
    with pytest.raises(StageFailed, match="it is left alone"):
        answers.lading_logs(LogsRequest(deployment=DEPLOYMENT), scene.context)
    assert scene.workspace.asked == []


@pytest.mark.parametrize(
    ("uri", "state", "expected"),
    [
        ("https://a/score", "healthy", ScoringUri(uri="https://a/score")),
        ("https://a/score", "failed", ScoringUri(uri="https://a/score")),
        (None, "transitioning", NoScoringUri(reason="the service is transitioning")),
        ("", "failed", NoScoringUri(reason="the service is failed")),
    ],
)
def test_the_scoring_uri_is_azures(
    scene: Scene, uri: str | None, state: str, expected: ScoringUri | NoScoringUri
) -> None:
    scene.service(scoring_uri=uri, state=state)
    assert answers.lading_scoring_uri(DEPLOYMENT, scene.context) == expected


def test_a_service_is_deleted_once_and_the_command_waits(scene: Scene) -> None:
    scene.service()
    going = Pending(phase="deleting", detail="Azure is deleting salary", retry_after=2.0)
    assert [answers.lading_delete(DEPLOYMENT, scene.context) for _ in range(2)] == [going, going]
    assert (scene.workspace.asked, scene.context.intents) == (["delete"], ["service/salary/delete"])
    scene.workspace.services.clear()
    assert answers.lading_delete(DEPLOYMENT, scene.context) == Done()


def read(scene: Scene, tail: int = 100, cursor: str | None = None) -> Logs:
    return answers.lading_logs(LogsRequest(deployment=DEPLOYMENT, tail=tail, cursor=cursor), scene.context)


def numbered(*numbers: int) -> tuple[str, ...]:
    return tuple(f"line {number}" for number in numbers)


@pytest.mark.parametrize(
    ("has", "tail", "shown"),
    [(0, 100, 0), (3, 100, 3), (60, 100, 60), (100, 100, 100), (101, 100, 100), (5, 1, 1), (5, 0, 0)],
)
def test_a_log_shows_its_last_lines(scene: Scene, has: int, tail: int, shown: int) -> None:
    scene.service()
    lines = numbered(*range(has))
    scene.workspace.service_logs["salary"] = lines
    assert read(scene, tail).lines == lines[has - shown :]


def test_a_followed_log_shows_each_line_once(scene: Scene) -> None:
    scene.service()
    cursor, seen = read(scene).cursor, []
    for end in (0, 2, 2, 7, 8):
        scene.workspace.service_logs["salary"] = numbered(*range(end))
        logs = read(scene, 0, cursor)
        seen.append(logs.lines)
        cursor = logs.cursor
    assert seen == [(), numbered(0, 1), (), numbered(2, 3, 4, 5, 6), numbered(7)]


def test_a_restarted_log_is_shown_from_its_start(scene: Scene) -> None:
    scene.service()
    scene.workspace.service_logs["salary"] = numbered(1, 2, 3)
    cursor = read(scene).cursor
    scene.workspace.service_logs["salary"] = numbered(8, 9)
    assert read(scene, 0, cursor).lines == numbered(8, 9)


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.sampled_from("ab"), max_size=6).map(tuple), min_size=2, max_size=4),
)
def test_repeated_lines_are_each_shown_once(scene: Scene, parts: list[tuple[str, ...]]) -> None:
    scene.service()
    log: tuple[str, ...] = ()
    shown: list[str] = []
    cursor: str | None = None
    for part in parts:
        log += part
        scene.workspace.service_logs["salary"] = log
        logs = read(scene, 100, cursor)
        shown += logs.lines
        cursor = logs.cursor
    assert tuple(shown) == log


def test_a_log_that_lost_its_first_lines_is_followed(scene: Scene) -> None:
    scene.service()
    scene.workspace.service_logs["salary"] = numbered(*range(9))
    cursor = read(scene).cursor
    scene.workspace.service_logs["salary"] = numbered(*range(4, 13))
    assert read(scene, 0, cursor).lines == numbered(9, 10, 11, 12)


def test_an_empty_log_shows_the_next_step(scene: Scene) -> None:
    with pytest.raises(StageFailed, match="the workspace has no service salary") as caught:
        read(scene)
    assert caught.value.hint == "`lading deploy` brings it up"


def keys(context: Context, rotate: str | None = None) -> tuple[str | None, str | None, datetime | None]:
    """The keys of the service as text. Nothing prints them."""
    found: Keys = answers.lading_keys(DEPLOYMENT, context, rotate)
    shown = [key.reveal() if key else None for key in (found.primary, found.secondary)]
    assert [text for text in shown if text and text in repr(found)] == []
    return shown[0], shown[1], found.expires


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, (None, None, None)),
        (ServiceKeys(primary="kkk1", secondary="kkk2"), ("kkk1", "kkk2", None)),
        (ServiceKeys(primary="ttt", expires=NOON), ("ttt", None, NOON)),
    ],
    ids=["an open service", "keys", "a token"],
)
def test_the_keys_are_azures(scene: Scene, found: ServiceKeys | None, expected: object) -> None:
    scene.service()
    if found:
        scene.workspace.keys["salary"] = found
    assert keys(scene.context) == expected
    assert (scene.workspace.asked, scene.context.intents) == ([], [])


@pytest.mark.parametrize(
    ("which", "expected"), [("primary", ("new", "kkk2", None)), ("secondary", ("kkk1", "new", None))]
)
def test_one_key_is_rotated_and_the_other_stays(scene: Scene, which: str, expected: object) -> None:
    scene.service()
    scene.workspace.keys["salary"] = ServiceKeys(primary="kkk1", secondary="kkk2")
    scene.workspace.operations["rotation"] = Operation(state="Succeeded", part="", error={})
    assert keys(scene.context, which) == expected
    assert scene.workspace.asked == [f"rotate {which}"]
    assert scene.context.intents == [f"service/salary/key/{which}"]


@pytest.mark.parametrize("auth", ["token", "none"])
def test_only_a_service_with_keys_rotates_one(scene: Scene, auth: str) -> None:
    scene.service(auth=auth)
    with pytest.raises(BadInput, match="requests to salary carry no key"):
        keys(scene.context, "primary")
    assert (scene.workspace.asked, scene.context.intents) == ([], [])


@pytest.mark.parametrize("state", ["Failed", "Cancelled", "TimedOut"])
def test_a_failed_rotation_is_reported(scene: Scene, state: str) -> None:
    scene.service()
    scene.workspace.keys["salary"] = ServiceKeys(primary="kkk1", secondary="kkk2")
    scene.workspace.operations["rotation"] = Operation(state=state, part="", error={})
    with pytest.raises(StageFailed, match=f"the operation is {state.lower()}"):
        keys(scene.context, "primary")


def test_an_interrupted_rotation_has_an_unknown_outcome(scene: Scene) -> None:
    scene.service()
    scene.workspace.keys["salary"] = ServiceKeys(primary="kkk1", secondary="kkk2")
    scene.workspace.operations["rotation"] = Operation(state="Running", part="", error={})
    scene.context = replace(scene.context, cancel_after=0)
    with pytest.raises(OutcomeUnknown, match="the new key is not ready yet"):
        keys(scene.context, "primary")


def test_a_rotation_without_a_response_is_not_repeated(scene: Scene) -> None:
    scene.service()
    scene.workspace.keys["salary"] = ServiceKeys(primary="kkk1")
    scene.workspace.refusals = {"rotate primary": LOST}
    with pytest.raises(Transient):
        keys(scene.context, "primary")
    assert scene.workspace.asked == ["rotate primary"]


def test_the_whole_log_of_the_last_build_is_kept_for_its_reader(scene: Scene) -> None:
    request = LogsRequest(deployment=scene.deployment(AciOptions()), build=True)
    with pytest.raises(StageFailed, match="this store has requested none"):
        answers.lading_logs(request, scene.context)
    aci.lading_deploy(scene.request(AciOptions()), scene.context)
    lines = tuple(f"step {number}" for number in range(500))
    scene.workspace.build_logs["https://log"] = lines
    failed = Operation("Failed", "BuildImage", {"message": "no pip"}, log_url="https://log")
    scene.workspace.operations["operation-1"] = failed
    aci.lading_deploy(scene.request(AciOptions()), scene.context)
    scene.workspace.services.clear()
    assert answers.lading_logs(request, scene.context).lines == lines
    scene.workspace.forget_operations()
    with pytest.raises(StageFailed, match="Azure has not kept it"):
        answers.lading_logs(request, scene.context)
