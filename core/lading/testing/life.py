"""One life of a service, hook by hook: what a plugin answers, intends, prints and shows, and whether it sleeps."""

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
    """All from one process, which drives the engine over the watched plugin."""

    @pytest.fixture(scope="class")
    @classmethod
    def life(cls, make_project: MakeProject) -> Mapping[str, Any]:
        """What the probe saw; `output` is what came to stdout past Python."""
        project = make_project(LIFE)
        project.write(1)
        done, seen = project.probe("observe")
        return {"calls": [], "leaks": [], "error": None, **seen, "output": done.out}

    def test_nothing_has_no_scoring_uri(self, life: Mapping[str, Any]) -> None:
        """`lading_scoring_uri` of what does not exist is NoScoringUri."""
        before = _reached(life, "before")
        assert before["uri"] is None, "it gives an address of a service that does not exist: answer NoScoringUri"

    def test_nothing_is_absent(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_status` of what does not exist is absent."""
        described.need(Capability.STATUS)
        state = _reached(life, "before")["state"]
        assert state == "absent", f"a service that does not exist is {state}: answer Status(State.ABSENT)"

    def test_status_is_of_what_runs(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_status` of what was deployed is running, with the digests of the package and the model."""
        described.need(Capability.STATUS)
        up, wanted = _reached(life, "up"), life["wanted"]
        assert up["state"] == "running", f"what was deployed is {up['state']}"
        same = {key: up[key] for key in wanted} == wanted
        assert same, "the digests are not the deployed package's: read them from the tags that the deploy was given"

    def test_what_is_up_has_a_scoring_uri(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_scoring_uri` of what was deployed is an address."""
        described.need(Capability.SCORING_URI)
        assert _reached(life, "up")["uri"], "what was deployed has no address"

    def test_what_is_up_is_left_alone(self, life: Mapping[str, Any]) -> None:
        """To deploy the same again creates nothing."""
        again = _reached(life, "again")
        assert "lading_deploy" not in again, (
            "what was up already was deployed again: lading_status does not say that it runs"
        )

    def test_effects_are_intended_once(self, life: Mapping[str, Any]) -> None:
        """Each outside effect has a name of its own and is caused once in a deploy."""
        _reached(life, "up")
        intents = Counter(name for call in life["calls"] if call["hook"] == "lading_deploy" for name in call["intents"])
        twice = [name for name, times in intents.items() if times > 1]
        assert intents, "nothing was intended: call `context.intend` before each outside effect"
        assert not twice, f"caused more than once: {', '.join(twice)}; look first whether it is there"

    def test_absent_after_delete(self, described: Described, life: Mapping[str, Any]) -> None:
        """After `lading_delete` the service is absent and without an address; to delete it again is no failure."""
        described.need(Capability.DELETE)
        after = _reached(life, "after")
        assert after["uri"] is None, "what was deleted has an address"
        if described.can(Capability.STATUS):
            assert after["state"] == "absent", f"what was deleted is {after['state']}"
            assert life["deleted"] == [True, False], "a deleted service was there to be deleted again"

    def test_logs_go_on_from_their_cursor(self, described: Described, life: Mapping[str, Any]) -> None:
        """`lading_logs` gives the last lines, as many as were asked for, and from a cursor only what came since."""
        described.need(Capability.LOGS)
        logs = _reached(life, "logs")
        assert any("the model says 1" in line for line in logs["first"]), "what init() prints is not in the log"
        assert len(logs["one"]) <= 1, f"one line was asked for, {len(logs['one'])} came"
        assert logs["cursor"] is not None, "there is no cursor to go on from"
        assert not set(logs["first"]) & set(logs["later"]), "lines from before the cursor came again"

    def test_keys_open_the_service(self, described: Described, life: Mapping[str, Any]) -> None:
        """A request with the key of `lading_keys` is answered."""
        described.need(Capability.KEYS)
        assert _reached(life, "keys") == 200, f"a request with the key was answered {life['keys']}"


def _reached(life: Mapping[str, Any], name: str) -> Any:
    if name not in life:
        pytest.fail(f"not reached: {life['error'] or 'the process died'}", pytrace=False)
    return life[name]
