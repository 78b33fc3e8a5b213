"""The conformance of a tracker: a run is logged once, completely, and with its final state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from ..model.description import Role
from .account import AccountChecks, Life, Watch, done, killed_twice
from .account_probe import ARTIFACTS, ERROR, METRICS, PARAMETERS, Deed


@dataclass(frozen=True)
class KeptRun:
    """A run as the tracker itself shows it. `state` is running, finished or failed.

    `values` has its parameters and metrics by name. `error` is the tracker's text for a failure. `artifacts` has the
    names of its files, without folders.
    """

    id: str
    state: str
    values: Mapping[str, Any]
    error: str = ""
    artifacts: Sequence[str] = ()


RunsOf = Callable[[str], Sequence[KeptRun]]


class TrackerConformance(AccountChecks):
    """Subclass it in a test module, name the plugin, and define how the tracker is read.

    Example:
        >>> class TestAcme(TrackerConformance):
        ...     plugin = "acme"
        ...     connection = {"region": "north"}
        ...
        ...     @pytest.fixture(scope="class")
        ...     @classmethod
        ...     def runs_of(cls):
        ...         return lambda run: [KeptRun(...) for each in ask_acme_for(run)]

    If a value is known only at run time, override a fixture, class-scoped or wider: `account_connection`, or
    `account_environ`, the environment variables of the processes that call the hooks.
    """

    role: ClassVar[str] = Role.TRACK

    @pytest.fixture(scope="class")
    @classmethod
    def runs_of(cls) -> RunsOf:
        """Reads the tracker without the plugin: all its runs for the run with that id."""
        raise NotImplementedError("override the fixture `runs_of`: it reads the tracker")

    @pytest.fixture(scope="class")
    @classmethod
    def life(cls, watch: Watch, stem: str) -> Life:
        """A run that is logged twice at its start and its end, one that finished earlier, and one that fails."""
        logged = [*[("logged", "running")] * 2, *[("logged", "finished")] * 2]
        others = [("earlier", "finished"), ("failing", "running"), ("failing", "failed")]
        return watch(*({"run": f"{stem}-{name}", "state": state} for name, state in (*logged, *others)))

    @pytest.fixture(scope="class")
    @classmethod
    def resumed(cls, watch: Watch, stem: str, life: Life) -> Life:
        """Runs whose logging was killed, logged again."""
        middle: Deed = {"run": f"{stem}-middle", "state": "finished"}
        return killed_twice(watch, done(life)[4]["effects"], middle, {**middle, "run": f"{stem}-last"})

    def test_a_run_is_logged_once(self, life: Life, stem: str, runs_of: RunsOf) -> None:
        """A run that is logged twice at its start and its end is one run, and every answer names it."""
        answers = [each["answer"] for each in done(life)[:4]]
        ids = {kept.id for kept in runs_of(f"{stem}-logged")}
        assert len(ids) == 1, f"the tracker has {len(ids)} runs for one run"
        assert {answer["id"] for answer in answers} == ids, f"the tracker has {ids}; the hook returned {answers}"

    def test_a_finished_run_is_complete(self, life: Life, stem: str, runs_of: RunsOf) -> None:
        """A finished run is shown as finished, with its parameters and metrics."""
        done(life)
        _whole(runs_of(f"{stem}-logged"))

    def test_an_earlier_run_is_complete(self, life: Life, stem: str, runs_of: RunsOf) -> None:
        """A run that is logged only after it finished, as before a tracker was configured, is complete."""
        done(life)
        _whole(runs_of(f"{stem}-earlier"))

    def test_a_failed_run_has_its_error(self, life: Life, stem: str, runs_of: RunsOf) -> None:
        """A failed run is shown as failed, with its error."""
        done(life)
        for kept in runs_of(f"{stem}-failing"):
            assert kept.state == "failed", f"a failed run is {kept.state}"
            assert ERROR in kept.error, f"the tracker shows the error {kept.error!r}, without {ERROR!r}"

    def test_the_files_of_a_run_are_kept(self, life: Life, resumed: Life, stem: str, runs_of: RunsOf) -> None:
        """A tracker with artifacts has each file of a finished run once, even if its logging was killed."""
        done(life)
        done(resumed)
        if not life["takes_artifacts"]:
            pytest.skip("the tracker keeps no files: its lading_track has no argument `artifacts`")
        for when in ("logged", "earlier", "middle", "last"):
            for kept in runs_of(f"{stem}-{when}"):
                assert sorted(kept.artifacts) == sorted(ARTIFACTS), f"the tracker has only {list(kept.artifacts)}"

    def test_killed_while_logging_makes_one_run(self, resumed: Life, stem: str, runs_of: RunsOf) -> None:
        """A run whose logging was killed, in the middle or at its end, is one complete run after it is logged again."""
        assert resumed["killed"], "the process ended before it was killed"
        done(resumed)
        for when in ("middle", "last"):
            _whole(runs_of(f"{stem}-{when}"))


def _whole(runs: Sequence[KeptRun]) -> None:
    assert len(runs) == 1, f"the tracker has {len(runs)} runs for one run"
    assert runs[0].state == "finished", f"a finished run is {runs[0].state}"
    for name, value in {**PARAMETERS, **METRICS}.items():
        found = runs[0].values.get(name)
        assert found is not None, f"{name} is not there"
        assert float(found) == value, f"{name} is {found}, not {value}"
