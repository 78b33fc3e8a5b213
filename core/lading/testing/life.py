"""One life cycle of a service, hook by hook: what a plugin answers, intends, prints and reveals, and
whether it sleeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from ..model import Capability
from .base import Base, Described, MakeProject
from .manners import MannerChecks
from .project import LIFE


class LifeChecks(MannerChecks, Base):
    """Checks on one process that drives the engine with the watched plugin."""

    @pytest.fixture(scope="class")
    @classmethod
    def life(cls, make_project: MakeProject) -> Mapping[str, Any]:
        """The probe's observations. `output` is text that reached stdout without Python."""
        project = make_project(LIFE)
        project.write(1)
        done, seen = project.probe("observe")
        return {"calls": [], "leaks": [], "error": None, **seen, "output": done.out}

    def test_a_missing_service_has_no_scoring_uri(self, life: Mapping[str, Any]) -> None:
        """`lading_scoring_uri` returns NoScoringUri for a service that does not exist."""
        before = _reached(life, "before")
        assert before["uri"] is None, "it gives an address of a service that does not exist: answer NoScoringUri"

    def test_a_missing_service_is_absent(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_status` returns absent for a service that does not exist."""
        described.need(Capability.STATUS)
        state = _reached(life, "before")["state"]
        assert state == "absent", f"a service that does not exist is {state}: answer Status(state=State.ABSENT)"

    def test_status_describes_the_running_release(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_status` returns running for a deployed service, with the digests of the package and the model."""
        described.need(Capability.STATUS)
        up, wanted = _reached(life, "up"), life["wanted"]
        assert up["state"] == "running", f"the deployed service is {up['state']}"
        same = {key: up[key] for key in wanted} == wanted
        assert same, "the digests are not the deployed package's: read them from the tags that the deploy was given"

    def test_a_deployed_service_has_a_scoring_uri(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_scoring_uri` returns an address for a deployed service."""
        described.need(Capability.SCORING_URI)
        assert _reached(life, "up")["uri"], "the deployed service has no address"

    def test_an_unchanged_service_is_not_deployed_again(self, life: Mapping[str, Any]) -> None:
        """Deploying the same package again creates nothing."""
        again = _reached(life, "again")
        assert "lading_deploy" not in again, (
            "the release that was up was deployed again: lading_status does not report it as up"
        )

    def test_effects_are_intended_once(self, life: Mapping[str, Any]) -> None:
        """Each outside effect has a unique name and happens once in a deploy."""
        _reached(life, "up")
        intents = Counter(name for call in life["calls"] if call["hook"] == "lading_deploy" for name in call["intents"])
        twice = [name for name, times in intents.items() if times > 1]
        assert intents, "no effect was intended: call `context.intend` before each outside effect"
        assert not twice, f"done more than once: {', '.join(twice)}; check first whether it exists"

    def test_absent_after_delete(self, described: Described, life: Mapping[str, Any]) -> None:
        """After `lading_delete` returns Done, the service is absent and has no address. A second delete succeeds."""
        described.need(Capability.DELETE)
        after = _reached(life, "after")
        assert after["uri"] is None, "the deleted service has an address"
        if described.can(Capability.STATUS):
            assert after["state"] == "absent", (
                f"the delete is Done, and the status is {after['state']}: return Pending until everything is removed"
            )
            assert life["deleted"] == [True, False], "a second delete still found the deleted service"

    def test_the_list_shows_the_deployed_service(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_list` shows a running service once, with its release and digests. It shows no service
        that is gone.
        """
        described.need(Capability.LIST)
        before, listed = _reached(life, "listed before"), _reached(life, "listed")
        assert not before, f"a service that does not exist is listed {len(before)} times"
        assert len(listed) == 1, f"one service that is up is listed {len(listed)} times"
        release, digests = listed[0].pop("release"), listed[0]
        assert digests == life["wanted"], "the listed digests are not the deployed package's: read them from the tags"
        assert release in (None, 1), f"the first release is listed as release {release}"
        if described.can(Capability.DELETE):
            assert not _reached(life, "listed after"), "the deleted service is still listed"

    def test_preflight_finds_nothing_wrong(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_preflight` reports no error for a deploy that succeeds, nor for a running service."""
        described.need(Capability.PREFLIGHT)
        before, up = _reached(life, "preflight before"), _reached(life, "preflight")
        assert not before, f"the deploy came up, and its preflight said: {'; '.join(before)}"
        assert not up, f"preflight reports an error for the service that is up: {'; '.join(up)}"

    def test_plan_accepts_an_unchanged_service(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_plan` refuses nothing for a running service with the same options."""
        described.need(Capability.PLAN)
        refused = _reached(life, "refused")
        assert not refused, f"with the same options it refuses: {'; '.join(refused)}"

    def test_ejected_files_describe_the_running_release(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_eject` writes the digests of the tags, and the same files again for the same release."""
        described.need(Capability.EJECT)
        first, second = _reached(life, "ejected")
        whole = "".join(first.values())
        assert all(digest in whole for digest in life["wanted"].values()), "no file has the digests of the tags"
        assert first == second, "the files of one release differ from call to call"

    def test_reading_hooks_have_no_effect(self, life: Mapping[str, Any]) -> None:
        """`lading_preflight`, `lading_plan`, `lading_list` and `lading_eject` intend no effect: they only read."""
        _reached(life, "up")
        looks = ("lading_preflight", "lading_plan", "lading_list", "lading_eject")
        intents = [name for call in life["calls"] if call["hook"] in looks for name in call["intents"]]
        assert not intents, f"it caused {', '.join(intents)}"

    def test_metrics_count_the_requests_of_a_release(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_metrics` counts the requests of the release that serves, and its buckets add up."""
        described.need(Capability.METRICS)
        found = _reached(life, "metrics")
        before, after = (_figures_of(found[when], found["release"]) for when in ("before", "after"))
        asked = after["total"]["requests"] - before["total"]["requests"]
        assert asked == 3, f"three requests were sent, and the figures grew by {asked}"
        assert after["total"]["errors"] == before["total"]["errors"], "answered requests count as errors"
        for figures in filter(None, (after["total"], after["minute"])):
            assert sum(figures["latency"]["counts"]) == figures["requests"], "the times are of other requests"

    def test_logs_continue_from_their_cursor(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_logs` returns the requested number of last lines, and from a cursor only newer lines."""
        described.need(Capability.LOGS)
        logs = _reached(life, "logs")
        assert any("the model says 1" in line for line in logs["first"]), "the output of init() is not in the log"
        assert len(logs["one"]) <= 1, f"one line was requested, but the log has {len(logs['one'])}"
        assert logs["cursor"] is not None, "the log has no cursor to continue from"
        assert not set(logs["first"]) & set(logs["later"]), "the log repeats lines from before the cursor"

    def test_logs_begin_at_a_time(self, described: Described, life: Mapping[str, Any]) -> None:
        """With `since`, `lading_logs` returns the lines from that time on, and no older ones."""
        described.need(Capability.LOGS_SINCE)
        logs = _reached(life, "logs")
        assert set(logs["first"]) <= set(logs["since an hour ago"]), "lines of the last hour are missing"
        assert not logs["from now on"], "the log has lines from the future"

    def test_logs_are_those_of_a_release(self, described: Described, life: Mapping[str, Any]) -> None:
        """With `release`, `lading_logs` returns the log of that release."""
        described.need(Capability.RELEASE_LOGS)
        assert any("the model says 1" in line for line in _reached(life, "logs")["of the release"]), "it is another log"

    def test_keys_open_the_service(self, described: Described, life: Mapping[str, Any]) -> None:
        """A request with the key from `lading_keys` is answered."""
        described.need(Capability.KEYS)
        assert _reached(life, "keys") == 200, f"the service answered {life['keys']} to a request with the key"


def _reached(life: Mapping[str, Any], name: str) -> Any:
    if name not in life:
        pytest.fail(f"not reached: {life['error'] or 'the process died'}", pytrace=False)
    return life[name]


def _figures_of(metrics: Mapping[str, Any], release_id: str) -> Mapping[str, Any]:
    matching = [each for each in metrics["releases"] if each["release_id"] == release_id]
    assert matching, f"the release {release_id} has no figures"
    found: Mapping[str, Any] = matching[0]
    return found
