"""A canary on the target `local`, step by step without processes. The test writes the state of the supervisor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.local.test_local_steps import PRIVATE, UP, WRONG, Service, up
from tests.targets.target_kit import id_of

from lading import Candidate, DeployRequest, Done, Failed, Pending, Ready, Served, Share, ShiftRequest, ShiftStep
from lading_local import lading_shift, lading_status
from lading_local.options import LocalOptions
from lading_serving.control import NOTHING, Desired

PAIR: Desired = {**NOTHING, "serving": 1, "canary": 2}
SHIFTING = Pending(phase="shifting", detail="release 1", retry_after=0.05)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A deployment whose release 1 serves, with a running supervisor."""
    work = tmp_path / "work"
    work.mkdir(mode=0o700)
    made = Service(root=tmp_path, context=MemoryContext(work))
    made.supervise()
    up(made)
    yield made
    while made.locks:
        made.die()


def beside(service: Service, number: int = 2) -> DeployRequest[LocalOptions]:
    return replace(service.request(number), beside=True)


def canary_up(service: Service) -> None:
    """Bring release 2 up as a canary."""
    request = beside(service)
    service.step(request)
    service.say(2, tags=dict(request.tags))
    service.step(request, UP)
    service.say(2, tags=dict(request.tags), accepting=1)
    assert service.step(request, UP) == Ready()
    service.context.intents.clear()


def shift(service: Service, *shares: tuple[int, int] | tuple[int, int, int]) -> ShiftStep:
    """Shift to the shares, each with its release, its weight and its shadow."""
    asked = tuple(Share(release_id=id_of(number), weight=weight, shadow=sum(more)) for number, weight, *more in shares)
    return lading_shift(ShiftRequest(deployment=service.request().deployment, shares=asked), service.context)


def shares(service: Service) -> list[tuple[str, int, int, int, int]]:
    return [(each.release_id, each.weight, each.shadow, each.ready, each.wanted) for each in served(service)]


def served(service: Service) -> tuple[Served, ...]:
    return lading_status(service.context).releases


def test_a_canary_comes_up_beside_the_serving_release_without_requests(service: Service) -> None:
    request = beside(service)
    service.step(request)
    assert service.folder.desired() == {**NOTHING, "serving": 1, "candidate": 2}
    service.say(2)
    assert service.step(request) == Candidate(uri=PRIVATE)
    assert isinstance(service.step(request, UP), Pending), "the supervisor has not read this yet"
    assert service.folder.desired() == PAIR
    service.say(2, accepting=1)
    assert service.step(request, UP) == Ready()
    assert service.step(request) == Candidate(uri=PRIVATE)
    assert service.folder.desired() == PAIR
    assert service.context.intents == ["local/salary/2/start", "local/salary/2/stand-beside"]


def test_a_refused_canary_leaves_the_serving_release(service: Service) -> None:
    request = beside(service)
    service.step(request)
    service.say(2)
    service.step(request, UP)
    assert service.step(request, WRONG) == Failed(reason="expected 1")
    assert service.folder.desired() == {**NOTHING, "serving": 1}


def test_another_canary_takes_the_place_of_the_first(service: Service) -> None:
    canary_up(service)
    request = beside(service, 3)
    service.step(request)
    assert service.folder.desired() == {**PAIR, "candidate": 3}
    service.say(3)
    service.step(request, UP)
    assert service.folder.desired() == {**PAIR, "canary": 3}


def test_a_plain_deploy_ends_with_its_release_alone(service: Service) -> None:
    canary_up(service)
    request = service.request(3)
    service.step(request)
    assert service.folder.desired() == {**PAIR, "candidate": 3}
    service.say(3)
    service.step(request, UP)
    assert service.folder.desired() == {**NOTHING, "serving": 3}


def test_a_weight_is_reached_when_the_supervisor_shows_it(service: Service) -> None:
    canary_up(service)
    assert shift(service, (1, 90), (2, 10, 5)) == SHIFTING
    assert service.folder.desired() == {**PAIR, "weight": 10, "shadow": 5}
    service.say(1, "serving", weight=90)
    assert shift(service, (1, 90), (2, 10, 5)) == SHIFTING
    service.say(2, weight=10, shadow=5)
    assert shift(service, (1, 90), (2, 10, 5)) == Done()
    assert service.context.intents == ["local/salary/1/shift"]


def test_promotion_waits_until_the_canary_serves_and_the_stable_release_drains(service: Service) -> None:
    canary_up(service)
    assert shift(service, (2, 100)) == replace(SHIFTING, detail="release 2")
    assert service.folder.desired() == {**NOTHING, "serving": 2}
    service.say(2, "serving", weight=100)
    assert isinstance(shift(service, (2, 100)), Pending)
    service.say(1, "draining")
    assert shift(service, (2, 100)) == Done()
    service.forget(1)
    assert shift(service, (2, 100)) == Done()
    assert (service.folder.homes(1), service.folder.spec(1).exists()) == ([], False)


def test_abort_removes_the_canary(service: Service) -> None:
    canary_up(service)
    assert shift(service, (1, 100)) == SHIFTING
    assert service.folder.desired() == {**NOTHING, "serving": 1}
    service.forget(2)
    assert shift(service, (1, 100)) == Done()
    assert service.folder.homes(2) == []


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ([(1, 90), (3, 10)], f"release {id_of(3)} does not serve"),
        ([(3, 100)], f"release {id_of(3)} does not serve"),
        ([(1, 90), (2, 20)], "the weights do not add up to 100"),
        ([(2, 50)], "the weights do not add up to 100"),
    ],
)
def test_impossible_shares_change_nothing(service: Service, wanted: list[Any], reason: str) -> None:
    canary_up(service)
    assert shift(service, *wanted) == Failed(reason=reason)
    assert service.folder.desired() == PAIR


def test_a_failed_canary_gets_no_share_and_can_be_aborted(service: Service) -> None:
    canary_up(service)
    service.say(2, "failed", reason="ValueError")
    assert shift(service, (1, 90), (2, 10)) == Failed(reason="release 2: ValueError")
    assert shift(service, (2, 100)) == Failed(reason="release 2: ValueError")
    assert service.folder.desired() == PAIR
    assert shift(service, (1, 100)) == SHIFTING
    assert service.folder.desired() == {**NOTHING, "serving": 1}


def test_a_canary_that_fails_at_its_promotion_is_a_canary_again(service: Service) -> None:
    canary_up(service)
    shift(service, (2, 100))
    service.say(1, "serving")
    service.say(2, "failed", reason="port 80 is in use")
    assert shift(service, (2, 100)) == Failed(reason="release 2: port 80 is in use")
    assert service.folder.desired() == PAIR


def test_status_shows_both_releases(service: Service) -> None:
    canary_up(service)
    assert shares(service) == [(id_of(1), 100, 0, 0, 0), (id_of(2), 0, 0, 1, 0)]
    shift(service, (1, 90), (2, 10, 5))
    service.say(1, "serving", weight=90, workers=2, accepting=2)
    service.say(2, weight=10, shadow=5, workers=2, accepting=1, tags=dict(service.request(2).tags))
    assert shares(service) == [(id_of(1), 90, 0, 2, 2), (id_of(2), 10, 5, 1, 2)]
    assert [dict(each.headers) for each in served(service)] == [
        {"x-lading-release": "stable", "x-lading-uncounted": service.spec(1).env["LADING_UNCOUNTED"]},
        {"x-lading-release": "canary", "x-lading-uncounted": service.spec(2).env["LADING_UNCOUNTED"]},
    ]
    assert len({service.spec(number).env["LADING_UNCOUNTED"] for number in (1, 2)}) == 2
    assert lading_status(service.context).detail == "canary: only 1 of 2 workers accept requests"
    service.die()
    assert shares(service) == [(id_of(1), 90, 0, 0, 2), (id_of(2), 10, 5, 0, 2)]
