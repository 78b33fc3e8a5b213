"""Many at once: processes that register in one store, and commands that deploy one service."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import IO

from tests.core.store.store_kit import THIS

from lading.errors import LadingError
from lading.store import Store

from .gate import Figures, Found, Gate, Harm, Trial
from .project import LIMIT, SERVICE, Project, answers, eventually

PROCESSES, EACH = 16, 100
ROUNDS = 8


def _registrations(trial: Trial) -> Figures:
    root, each = trial.folder / "project" / ".lading", trial.size(EACH)
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(_registering(trial, root, trial.folder / f"process-{number}", each))
            for number in range(PROCESSES)
        ]
        for process in crowd:  # all at once, including the creation of the store
            _stream(process.stdin).write("go\n")
            _stream(process.stdin).flush()
        acknowledged = [line.split() for process in crowd for line in _stream(process.stdout)]
        codes = [process.wait(timeout=LIMIT) for process in crowd]
    total = PROCESSES * each
    return Figures(total, len(acknowledged), tuple(_judged(root, acknowledged, codes, total)))


def _registering(trial: Trial, root: Path, own: Path, each: int) -> subprocess.Popen[str]:
    argv = [str(trial.build.python), str(THIS), "many", str(root), str(own), str(each)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _judged(root: Path, acknowledged: list[list[str]], codes: list[int], total: int) -> Iterator[Found]:
    if any(codes) or len(acknowledged) != total:
        yield Found(Harm.STUCK, f"{len(acknowledged)} of {total} were acknowledged; exit codes {codes}")
    versions = {int(version): sha256 for version, sha256 in acknowledged}
    with closing(Store.open(root)) as store:
        kept = {model.version: model.sha256 for model in store.models.list("salary")}
        for version, sha256 in acknowledged:
            if kept.get(int(version)) != sha256:
                yield Found(Harm.LOST, f"version {version} was given to {sha256}, and is {kept.get(int(version))}")
        for sha256 in versions.values():
            try:
                store.files.check(sha256)
            except LadingError as error:
                yield Found(Harm.CORRUPT, error.message)


def _stream(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _deployers(trial: Trial) -> Figures:
    """Let two commands deploy one service, pausing each at random. Only the holder of the lock may write."""
    rounds = range(trial.size(ROUNDS))

    def attempt(number: int) -> Iterator[Found]:
        project = Project.quick(trial.build, trial.folder / f"round-{number:02}")
        try:
            yield from _two_deployers(project, random.Random(number))
        finally:
            project.end()

    return Figures(len(rounds), len(rounds), trial.each(attempt, rounds))


def _two_deployers(project: Project, dice: random.Random) -> Iterator[Found]:
    commands = [project.start("deploy"), project.start("deploy")]
    while any(command.poll() is None for command in commands):
        _pause(dice.choice(commands), dice.random() / 4)
        time.sleep(dice.random() / 4)  # without it, the last command is paused all the time and runs into its limits
    ended = [(command.returncode, *command.communicate()) for command in commands]
    codes = sorted(code for code, _, _ in ended)
    if codes not in ([0, 0], [0, 4]) or any("Traceback" in err for _, _, err in ended):
        yield Found(Harm.UNTRUE, f"two deployers ended with {ended}")
    if sum("deploy to local: started" in err for _, _, err in ended) != 1:
        yield Found(Harm.UNTRUE, f"two deployers wrote at once: {ended}")
    if not all(answers(out.strip()) for code, out, _ in ended if code == 0):
        yield Found(Harm.GAP, f"a deployer was done, and its address does not answer: {ended}")
    yield from _history(project)
    if not eventually(lambda: len(project.processes()) == SERVICE):
        yield Found(Harm.ORPHAN, f"two deployers left {project.describe()}")
    if project.run("delete").returncode != 0 or not eventually(lambda: not project.processes()):
        yield Found(Harm.ORPHAN, f"after delete: {project.describe()}")


def _history(project: Project) -> Iterator[Found]:
    """Find two writers: both would have begun a release, or abandoned the other's."""
    with closing(Store.open(project.store)) as store:
        states = [release.state for release in store.releases.list()]
        versions = [model.version for model in store.models.list()]
    if states != ["up"]:
        yield Found(Harm.UNTRUE, f"two deployers left releases {states}")
    if versions != list(range(len(versions), 0, -1)):
        yield Found(Harm.LOST, f"two deployers left model versions {versions}")


def _pause(command: subprocess.Popen[str], seconds: float) -> None:
    """Stop a command for a while. The other one continues."""
    with suppress(ProcessLookupError):
        os.kill(command.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(command.pid, signal.SIGCONT)


GATES = (
    Gate(
        "registrations",
        "16 processes that register 100 models each in one store, all at once",
        _registrations,
    ),
    Gate("deployers", "two deploys of one service at once, each paused at random", _deployers),
)
