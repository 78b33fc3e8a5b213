"""A complete deploy, from training to the scoring URI, with a fault at one of its system calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from lading.errors import LadingError
from lading.store import Store
from lading_serving.control import NOTHING, ControlFolder

from .gate import Figures, Found, Gate, Harm, Trial
from .project import SERVICE, Project, answers, children, eventually, parent
from .traces import Boundary, Ended, attached, attached_boundaries, boundaries, run_to, was_killed

HONEST = {0, 3, 4, 5, 6, 7, 8, -9}  # -9: the fault killed the deploying process
BRIEF = ("--timeout", "15")  # for a deploy whose fault hits each process at the same point
PATIENT = ("--timeout", "45")


class Fault(NamedTuple):
    """A fault of strace and its calls. Without calls, it applies to all calls that leave something behind."""

    action: str
    calls: frozenset[str] = frozenset()

    def points(self, known: Iterable[Boundary]) -> list[Boundary]:
        """The boundaries at which this fault has its own effect."""
        if not self.calls:
            return [point for point in known if point.is_effect]
        return [point for point in known if point.call in self.calls and not point.is_of_store]


KILL = Fault("signal=KILL")
REFUSALS = (
    Fault("error=ENOSPC", frozenset({"write", "pwrite64", "mkdir", "mkdirat", "link", "linkat"})),
    Fault("error=EIO", frozenset({"write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "renameat"})),
    Fault("error=EACCES", frozenset({"openat", "mkdir", "mkdirat", "rename", "chmod", "fchmodat", "bind", "execve"})),
)


@dataclass
class Witness:
    """Sends requests to a scoring URI from another thread, and records missing responses."""

    uri: str
    missed: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self.missed += not answers(self.uri)


@dataclass(frozen=True)
class Scenario:
    """The start of a deploy: a project with a store, with or without a live release to replace."""

    trial: Trial
    before: Project
    is_live: bool

    @classmethod
    def first(cls, trial: Trial) -> Scenario:
        """A package that was never deployed."""
        return cls(trial, _prepared(trial, "package"), is_live=False)

    @classmethod
    def update(cls, trial: Trial) -> Scenario:
        """A live release, and a change that is not trained, registered and packaged yet."""
        return cls(trial, _prepared(trial, "deploy", "delete"), is_live=True)

    @classmethod
    def packaged(cls, trial: Trial) -> Scenario:
        """A live release, and a packaged change."""
        return cls(trial, _prepared(trial, "deploy", "delete", change=("package",)), is_live=True)

    @property
    def leaves(self) -> bool:
        """Whether the deploy starts a supervisor that continues to run."""
        return not self.is_live

    @contextmanager
    def project(self, name: str) -> Iterator[tuple[Project, str]]:
        """A project in this state, and the scoring URI of the live release. All processes are ended afterwards."""
        project = self.before.copy(self.trial.folder / name)
        try:
            yield project, self._live(project) if self.is_live else ""
        finally:
            project.end()

    def _live(self, project: Project) -> str:
        ended = project.run("deploy")
        assert ended.returncode == 0, ended.stderr
        project.revise(2)
        return ended.stdout.strip()


def _prepared(trial: Trial, *commands: str, change: tuple[str, ...] = ()) -> Project:
    """A project after some commands, and after further commands for its revision 2."""
    project = Project.quick(trial.build, trial.folder / "before")
    for revision, each in ((1, commands), (2, change)):
        project.revise(revision)
        for command in each:
            ended = project.run(command)
            assert ended.returncode == 0, ended.stderr
    project.revise(1)
    return project


def _gate(start: Callable[[Trial], Scenario], faults: tuple[Fault, ...]) -> Callable[[Trial], Figures]:
    def run(trial: Trial) -> Figures:
        scenario = start(trial)
        with scenario.project("record") as (project, _):
            known = boundaries(project, "deploy", leaves=scenario.leaves)
        points = [(fault, point) for fault in faults for point in fault.points(known)]
        numbers = count()

        def attempt(case: tuple[Fault, Boundary]) -> list[Found] | None:
            fault, point = case
            where = f"{fault.action} at {point.line}"
            with scenario.project(f"attempt-{next(numbers):04}") as (project, uri):
                witness = Witness(uri)
                with witness.watching():
                    ended = run_to(project, point, fault.action, "deploy", *BRIEF, leaves=scenario.leaves)
                    if not ended.was_hit:
                        return None
                    is_killed = uri != "" and ended.code == -9
                    serves_on = not is_killed or answers(uri)
                    found = list(_done(ended, where))
                    found += _resumed(project, ended, where, old=uri)
                found += _left(project, where)
                if not serves_on:
                    found.append(Found(Harm.GAP, f"{where}: the old release does not serve on"))
                if is_killed and witness.missed:
                    found.append(Found(Harm.GAP, f"{where}: {witness.missed} requests"))
            return found

        return trial.meet(attempt, points)

    return run


def _supervisor(trial: Trial) -> Figures:
    """Trace only the supervisor, from the start of an update of its live release."""
    scenario = Scenario.packaged(trial)
    with scenario.project("record") as (project, _):
        with attached(project, _supervisor_of(project)):
            assert project.run("deploy").returncode == 0
        points = KILL.points(attached_boundaries(project))
    numbers = count()

    def attempt(point: Boundary) -> list[Found] | None:
        with scenario.project(f"attempt-{next(numbers):04}") as (project, uri):
            with attached(project, _supervisor_of(project), *point.fault(project, "signal=KILL")):
                ended = project.run("deploy")
            if not was_killed(project):
                return None
            where = f"supervisor killed at {point.line}"
            hit = Ended(ended.returncode, ended.stdout, ended.stderr, was_hit=True)
            return [*_resumed(project, hit, where, old=uri), *_left(project, where)]

    return trial.meet(attempt, points)


def _done(ended: Ended, where: str) -> Iterator[Found]:
    """Check that a deploy that reports success is complete. No process that outlives it was killed."""
    if ended.code == 0 and not answers(ended.out.strip()):
        yield Found(Harm.UNTRUE, f"{where}: done, and {ended.out.strip()} does not answer")


def _resumed(project: Project, ended: Ended, where: str, *, old: str) -> Iterator[Found]:
    """Check that a deploy with a fault reported the truth, and that the same command completes the work."""
    if ended.code not in HONEST or "Traceback" in ended.err:
        yield Found(Harm.UNTRUE, f"{where}: exit {ended.code}: {ended.err[-600:]}")
    yield from _unannounced(project, where)
    again = project.run("deploy", *PATIENT)
    if again.returncode != 0 or not answers(again.stdout.strip()) or (old and again.stdout.strip() != old):
        yield Found(Harm.STUCK, f"{where}: run again: exit {again.returncode}: {again.stderr[-600:]}")
    yield from _judge_store(project, where, models=2 if old else 1)


def _unannounced(project: Project, where: str) -> Iterator[Found]:
    """Check that an effect was in the journal before it happened, and stays there until its outcome is known."""
    if not project.is_begun:
        return
    desired = ControlFolder(project.work).desired() or NOTHING
    effects = {desired["serving"]: "serve", desired["candidate"]: "start"}
    with closing(Store.open(project.store)) as store:
        pending = store.releases.pending("salary-svc", "local")
        names = {intent.name for intent in store.journal.open("salary-svc", "local")}
    for release in pending:
        effect = effects.get(release.number)
        if effect and f"local/salary-svc/{release.number}/{effect}" not in names:
            yield Found(Harm.ORPHAN, f"{where}: release {release.number} is desired, and no intent says so")


def _left(project: Project, where: str) -> Iterator[Found]:
    """Check that one service runs, and that nothing is left after its deletion."""
    if not eventually(lambda: _is_one_service(project)):
        yield Found(Harm.ORPHAN, f"{where}: {len(project.processes())} processes: {project.describe()}")
    deleted = project.run("delete")
    if deleted.returncode != 0 or not eventually(lambda: not project.processes()):
        yield Found(Harm.ORPHAN, f"{where}: after delete ({deleted.returncode}): {project.describe()}")


def _judge_store(project: Project, where: str, models: int) -> Iterator[Found]:
    try:
        with closing(Store.open(project.store)) as store:
            versions = store.models.list()
            for version in versions:
                store.models.check(version)
            states = [release.state for release in store.releases.list()]
            intents = store.journal.open("salary-svc", "local")
    except LadingError as error:
        yield Found(Harm.CORRUPT, f"{where}: {error.message}")
        return
    if [version.version for version in versions] != list(range(models, 0, -1)):
        yield Found(Harm.LOST, f"{where}: model versions {versions}")
    if states.count("up") != 1 or "pending" in states or intents:
        yield Found(Harm.STUCK, f"{where}: releases {states}, open intents {intents}")


def _is_one_service(project: Project) -> bool:
    """Whether exactly one keeper, its supervisor and one worker run."""
    found = project.processes()
    supervisor = _supervisor_of(project)
    return len(found) == SERVICE and {*found} == {parent(supervisor), supervisor, *children(supervisor)}


def _supervisor_of(project: Project) -> int:
    return ControlFolder(project.work).state()["pid"]


GATES = (
    Gate("deploy-kill", "a first deploy of a package, killed at its boundaries", _gate(Scenario.first, (KILL,))),
    Gate("update-kill", "a deploy onto a live release, killed at its boundaries", _gate(Scenario.update, (KILL,))),
    Gate("supervisor-kill", "the supervisor, killed at its boundaries while it changes releases", _supervisor),
    Gate("update-refuse", "a deploy onto a live release whose calls are refused", _gate(Scenario.packaged, REFUSALS)),
)
