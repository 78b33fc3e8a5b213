"""The conformance of a tracker: a run is logged once, whole, and as it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from .account import AccountChecks, Life, Watch, done, killed_twice
from .account_probe import ERROR, METRICS, PARAMETERS, Deed


@dataclass(frozen=True)
class KeptRun:
    """A run as the tracker itself shows it. `state` is running, finished or failed; `values` has its parameters and
    metrics by name; `error` is what it says of a failure.
    """

    id: str
    state: str
    values: Mapping[str, Any]
    error: str = ""


RunsOf = Callable[[str], Sequence[KeptRun]]


class TrackerConformance(AccountChecks):
    """Subclass it in a test module, name the plugin, and say how the tracker is looked into.

    Example:
        >>> class TestPier(TrackerConformance):
        ...     plugin = "pier"
        ...     connection = {"berth": "north"}
        ...
        ...     @pytest.fixture(scope="class")
        ...     def runs_of(self):
        ...         return lambda run: [KeptRun(...) for each in ask_the_pier_for(run)]

    Where a value is known only at run time, override a fixture, class-scoped or wider: `account_connection`, or
    `account_environ`, the environment variables of the processes that call the hooks.
    """

    role: ClassVar[str] = "track"

    @pytest.fixture(scope="class")
    @classmethod
    def runs_of(cls) -> RunsOf:
        """Looks into the tracker, past the plugin: all runs that stand for the run of that id."""
        raise NotImplementedError("override the fixture `runs_of`: it looks into the tracker")

    @pytest.fixture(scope="class")
    @classmethod
    def life(cls, watch: Watch, stem: str) -> Life:
        """A run at its start and its end, each told twice, one that was made earlier, and one that fails."""
        told = [*[("told", "running")] * 2, *[("told", "finished")] * 2]
        others = [("earlier", "finished"), ("failing", "running"), ("failing", "failed")]
        return watch(*({"run": f"{stem}-{name}", "state": state} for name, state in (*told, *others)))

    @pytest.fixture(scope="class")
    @classmethod
    def resumed(cls, watch: Watch, stem: str, life: Life) -> Life:
        """Runs whose logging was killed on its way, logged again."""
        middle: Deed = {"run": f"{stem}-middle", "state": "finished"}
        return killed_twice(watch, done(life)[4]["effects"], middle, {**middle, "run": f"{stem}-last"})

    def test_a_run_is_logged_once(self, life: Life, stem: str, runs_of: RunsOf) -> None:
        """A run that is told at its start and its end, each twice, is one run, and every answer names it."""
        answers = [each["answer"] for each in done(life)[:4]]
        ids = {kept.id for kept in runs_of(f"{stem}-told")}
        assert len(ids) == 1, f"one run came to {len(ids)}"
        assert {answer["id"] for answer in answers} == ids, f"it is {ids} there, and was answered {answers}"

    def test_a_finished_run_is_whole(self, life: Life, stem: str, runs_of: RunsOf) -> None:
        """A run that has finished says so, and has its parameters and its metrics."""
        done(life)
        _whole(runs_of(f"{stem}-told"))

    def test_a_run_made_earlier_is_logged_whole(self, life: Life, stem: str, runs_of: RunsOf) -> None:
        """A run that is told only when it has finished, as one that was made before there was a tracker, is whole."""
        done(life)
        _whole(runs_of(f"{stem}-earlier"))

    def test_a_failed_run_says_why(self, life: Life, stem: str, runs_of: RunsOf) -> None:
        """A run that has failed says so, with its error."""
        done(life)
        for kept in runs_of(f"{stem}-failing"):
            assert kept.state == "failed", f"a failed run is {kept.state}"
            assert ERROR in kept.error, f"of the error {ERROR!r} it says {kept.error!r}"

    def test_killed_on_its_way_is_one_run(self, resumed: Life, stem: str, runs_of: RunsOf) -> None:
        """A run whose logging was killed, in the middle or at its end, and is told again, is one run and whole."""
        assert resumed["killed"], "the process came to its end before it was killed"
        done(resumed)
        for when in ("middle", "last"):
            _whole(runs_of(f"{stem}-{when}"))


def _whole(runs: Sequence[KeptRun]) -> None:
    assert len(runs) == 1, f"one run came to {len(runs)}"
    assert runs[0].state == "finished", f"a finished run is {runs[0].state}"
    for name, value in {**PARAMETERS, **METRICS}.items():
        found = runs[0].values.get(name)
        assert found is not None, f"{name} is not there"
        assert float(found) == value, f"{name} is {found}, not {value}"
