"""A canary on the target `local`: real processes, kills of the supervisor, and clients that never fail."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.targets.local.local_kit import LocalService, ask, kill_supervisor, uri_of
from tests.waiting import LIMIT, eventually

from lading import (
    BadInput,
    Candidate,
    Compared,
    Done,
    Failed,
    Json,
    Pending,
    Ready,
    Share,
    ShiftRequest,
    ShiftStep,
    State,
    Verdict,
)
from lading_local import lading_deploy, lading_metrics, lading_shift, lading_status

ENVIRONMENT = """
    import os

    def init():
        pass

    def run(raw_data):
        return [os.environ["SERVICE_VERSION"], os.environ["SECRET"]]
"""


def deploy_beside(service: LocalService, release: int = 2, **options: Any) -> None:
    request = replace(service.request(release, **options), beside=True)
    service.until(request, Candidate)
    service.until(replace(request, verdict=Verdict(up=True)), Ready)


def shift(service: LocalService, *shares: tuple[int, int] | tuple[int, int, int]) -> Done | Failed:
    """Shift to the shares, each with its release, its weight and its shadow."""
    asked = tuple(
        Share(release_id=f"{number:016x}", weight=weight, shadow=sum(more)) for number, weight, *more in shares
    )
    request = ShiftRequest(deployment=service.request().deployment, shares=asked)

    def decided() -> ShiftStep | None:
        step = lading_shift(request, service.context)
        return None if isinstance(step, Pending) else step

    found = eventually(decided, "the shift ends")
    assert isinstance(found, (Done, Failed))
    return found


def shares(service: LocalService) -> dict[int, tuple[int, int]]:
    """The weight and the ready workers of each release."""
    return {int(each.release_id, 16): (each.weight, each.ready) for each in lading_status(service.context).releases}


def share_of(uri: str, requests: int = 100) -> Counter[str]:
    return Counter(ask(uri) for _ in range(requests))


def begin_canary(service: LocalService) -> None:
    deploy_beside(service)
    assert shift(service, (1, 90), (2, 10)) == Done()


def test_a_canary_gets_its_share_and_is_promoted(service: LocalService) -> None:
    service.deploy(1)
    uri = uri_of(service)
    assert shares(service) == {1: (100, 1)}
    deploy_beside(service)
    assert (share_of(uri, 20), shares(service)) == ({"1": 20}, {1: (100, 1), 2: (0, 1)})
    assert shift(service, (1, 90), (2, 10)) == Done()
    assert (share_of(uri), shares(service)) == ({"1": 90, "2": 10}, {1: (90, 1), 2: (10, 1)})
    assert shift(service, (2, 100)) == Done()
    assert (share_of(uri, 20), shares(service), uri_of(service)) == ({"2": 20}, {2: (100, 1)}, uri)


def test_the_figures_have_the_comparison_of_the_copies(service: LocalService) -> None:
    service.deploy(1)
    deploy_beside(service)
    assert shift(service, (1, 100), (2, 0, 100)) == Done()
    share_of(uri_of(service), 4)

    def compared() -> dict[int, Compared | None] | None:
        found = lading_metrics(service.request().deployment, service.context)
        sums = {int(each.release_id, 16): each.compared for each in found.releases}
        return sums if (last := sums.get(2)) and last.requests == 4 else None

    assert eventually(compared, "all copies are compared") == {
        1: None,
        2: Compared(requests=4, equal=0, largest=0.5, mean=0.5),  # of "1" and "2", which are numbers in JSON
    }


def test_an_aborted_canary_is_gone(service: LocalService) -> None:
    service.deploy(1)
    begin_canary(service)
    assert shift(service, (1, 100)) == Done()
    assert (share_of(uri_of(service), 20), shares(service)) == ({"1": 20}, {1: (100, 1)})
    eventually(lambda: "2" not in service.folder.state()["releases"], "the canary is gone")


def test_a_deleted_service_leaves_no_canary(service: LocalService) -> None:
    service.deploy(1)
    begin_canary(service)
    service.delete()
    assert lading_status(service.context).state is State.ABSENT
    assert list(service.folder.path.iterdir()) == []


def test_both_releases_come_back_with_their_shares_after_a_crash(service: LocalService) -> None:
    service.deploy(1)
    uri = uri_of(service)
    begin_canary(service)
    kill_supervisor(service)
    assert shares(service) == {1: (90, 0), 2: (10, 0)}
    assert "`lading traffic --weight 10` starts both" in lading_status(service.context).detail
    deploy_beside(service)
    eventually(lambda: shares(service) == {1: (90, 1), 2: (10, 1)}, "both are back")
    assert share_of(uri) == {"1": 90, "2": 10}


def test_a_canary_is_ready_only_after_the_supervisor_let_it_stand_beside(service: LocalService) -> None:
    service.deploy(1)
    request = replace(service.request(2), beside=True)
    service.until(request, Candidate)
    promoted = replace(request, verdict=Verdict(up=True))
    os.kill(service.folder.state()["pid"], signal.SIGSTOP)
    try:
        assert isinstance(lading_deploy(promoted, service.context), Pending)
    finally:
        os.kill(service.folder.state()["pid"], signal.SIGCONT)
    service.until(promoted, Ready)
    assert shares(service)[2] == (0, 1)


def test_secrets_reach_both_releases_after_a_crash(service: LocalService) -> None:
    written: dict[str, Json] = {"env": {"SECRET": "${S}"}}
    for number in (1, 2):
        request = service.request(number, ENVIRONMENT, env={"SECRET": "s3"})
        deployment = replace(request.deployment, written=written)
        request = replace(request, beside=number == 2, deployment=deployment)
        service.until(request, Candidate)
        service.until(replace(request, verdict=Verdict(up=True)), Ready)
    kill_supervisor(service)
    shift_request = ShiftRequest(
        deployment=request.deployment,
        shares=(Share(release_id=f"{1:016x}", weight=50), Share(release_id=f"{2:016x}", weight=50)),
    )
    eventually(lambda: lading_shift(shift_request, service.context) == Done(), "the shift ends")
    uri = uri_of(service)
    assert {tuple(ask(uri)) for _ in range(4)} == {("1", "s3"), ("2", "s3")}


@pytest.mark.parametrize("owner", [1, 2])
@pytest.mark.parametrize("command", ["deploy", "traffic"])
def test_a_variable_of_one_release_does_not_keep_the_other_from_its_start(
    service: LocalService, owner: int, command: str
) -> None:
    first, second = (service.request(n, env={"SECRET": "s3"} if n == owner else {}) for n in (1, 2))
    service.until(first, Candidate)
    service.until(replace(first, verdict=Verdict(up=True)), Ready)
    second = replace(second, beside=True, stable=first.deployment)
    service.until(second, Candidate)
    second = replace(second, verdict=Verdict(up=True))
    service.until(second, Ready)
    kill_supervisor(service)
    both = tuple(Share(release_id=each.release_id, weight=50) for each in (first, second))
    asked = ShiftRequest(deployment=first.deployment, shares=both, canary=second.deployment)
    if command == "deploy":
        service.until(second, Ready)
    eventually(lambda: lading_shift(asked, service.context) == Done(), "the shift ends")
    eventually(lambda: shares(service) == {1: (50, 1), 2: (50, 1)}, "both serve")


def begin(service: LocalService) -> None:
    lading_deploy(replace(service.request(2), beside=True), service.context)


def until_candidate(service: LocalService) -> None:
    service.until(replace(service.request(2), beside=True), Candidate)


STATES: dict[str, Callable[[LocalService], None]] = {
    "starting": begin,
    "candidate": until_candidate,
    "beside": deploy_beside,
    "weighted": begin_canary,
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("end", ["promote", "abort", "weight"])
def test_a_supervisor_killed_in_any_state_is_continued(service: LocalService, state: str, end: str) -> None:
    service.deploy(1)
    STATES[state](service)
    kill_supervisor(service)
    deploy_beside(service)
    wanted = {"promote": [(2, 100)], "abort": [(1, 100)], "weight": [(1, 50), (2, 50)]}[end]
    assert shift(service, *wanted) == Done()
    assert shares(service) == {number: (weight, 1) for number, weight in wanted}
    assert share_of(uri_of(service), 20) == {str(number): weight // 5 for number, weight in wanted}


@pytest.mark.parametrize("wanted", [[(2, 100)], [(1, 100)], [(1, 50), (2, 50)]])
def test_a_supervisor_killed_during_a_shift_is_continued(service: LocalService, wanted: list[tuple[int, int]]) -> None:
    service.deploy(1)
    begin_canary(service)
    asked = tuple(Share(release_id=f"{number:016x}", weight=weight) for number, weight in wanted)
    lading_shift(ShiftRequest(deployment=service.request().deployment, shares=asked), service.context)
    kill_supervisor(service)
    assert shift(service, *wanted) == Done()
    eventually(lambda: shares(service) == {number: (weight, 1) for number, weight in wanted}, "all are ready")
    assert share_of(uri_of(service), 20) == {str(number): weight // 5 for number, weight in wanted}


@pytest.mark.slow
def test_ten_thousand_requests_over_all_shifts_never_fail(service: LocalService) -> None:
    """Canary, weights, promotion, canary, abort, shadow, rollback. `REQUESTS` in the environment asks for more."""
    wanted = int(os.environ.get("REQUESTS", "10000"))
    service.deploy(1, workers=2)
    crowd = Load(uri_of(service), clients=4)
    part = wanted // 10

    def canary(number: int) -> None:
        deploy_beside(service, number, workers=2)

    steps: list[Callable[[], object]] = [
        lambda: canary(2),
        lambda: shift(service, (1, 99), (2, 1)),
        lambda: shift(service, (1, 50), (2, 50)),
        lambda: shift(service, (2, 100)),
        lambda: canary(3),
        lambda: shift(service, (2, 90), (3, 10)),
        lambda: shift(service, (2, 100)),
        lambda: canary(4),
        lambda: shift(service, (2, 100), (4, 0, 100)),
        lambda: service.deploy(5, workers=2),
    ]
    for number, take in enumerate(steps, start=1):
        assert take() in {Done(), Ready(), None}
        crowd.until(number * part)
    crowd.until(wanted)
    seen = crowd.stop()
    assert seen.keys() == {f"200 {number}" for number in (1, 2, 3, 5)}, seen
    assert sum(seen.values()) >= wanted


class Load:
    """Clients that keep their connections, and count the answers."""

    def __init__(self, uri: str, clients: int) -> None:
        self.seen: Counter[str] = Counter()
        self._uri = uri
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def until(self, requests: int) -> None:
        eventually(lambda: sum(self.seen.values()) >= requests, f"{requests} requests are answered")

    def stop(self) -> Counter[str]:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.seen

    def _send(self) -> None:
        with closing(http.client.HTTPConnection(urlsplit(self._uri).netloc, timeout=LIMIT)) as connection:
            while not self._stop.is_set():
                try:
                    connection.request("POST", "/score", b"{}", {"content-type": "application/json"})
                    response = connection.getresponse()
                    self.seen[f"{response.status} {json.loads(response.read())}"] += 1
                except (OSError, http.client.HTTPException) as error:
                    self.seen[repr(error)] += 1
                    connection.close()


@pytest.mark.parametrize(("shadow", "again"), [(0, "traffic --weight 10"), (20, "deploy --shadow 20")])
def test_a_restart_names_the_variables_that_are_missing(service: LocalService, shadow: int, again: str) -> None:
    service.deploy(1, ENVIRONMENT, env={"SECRET": "s3cret"})
    deploy_beside(service)
    shares = (1, 100 if shadow else 90), (2, 0 if shadow else 10, shadow)
    assert shift(service, *shares) == Done()
    kill_supervisor(service)
    assert f"`lading {again}` starts both releases again" in lading_status(service.context).detail
    with pytest.raises(BadInput, match=r"release 1 cannot be started again without SECRET") as refused:
        shift(service, *shares)
    assert "set the environment variables" in str(refused.value.hint)
