"""A service under load while its releases change and its workers are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .gate import Figures, Found, Gate, Harm, Trial
from .live import live, workers_of
from .load import CONNECTIONS, loaded
from .project import Project, eventually

REQUESTS = 100_000
KILLS = 6  # the delay before a restart doubles each time
ESTABLISHED = "01"  # a column of /proc/net/tcp
STOPPED = "T"  # a state in /proc/PID/stat


def _salary(text: str) -> str:
    return text


def _otherwise_made(text: str) -> str:
    return text.replace("LinearRegression\n", "LinearRegression\n  params: {copy_X: false}\n")


def _without_init(text: str) -> str:
    return text.replace("package:\n", "package:\n  scoring_script: broken.py\n")


def _wrong(text: str) -> str:
    return text.replace("linear_model.LinearRegression", "dummy.DummyRegressor")


class Step(NamedTuple):
    """A command under load, the manifest at that time, and the expected exit code."""

    what: str
    command: tuple[str, ...]
    manifest: Callable[[str], str]
    code: int


STEPS = (
    Step("a good deploy", ("deploy",), _otherwise_made, 0),
    Step("a deploy whose init() fails", ("deploy",), _without_init, 8),
    Step("a deploy that answers wrongly", ("deploy",), _wrong, 8),
    Step("a rollback", ("rollback",), _salary, 0),
)
SHARES = (
    Step("a canary", ("deploy", "--canary", "10"), _otherwise_made, 0),
    Step("a larger share", ("traffic", "--weight", "50"), _otherwise_made, 0),
    Step("a promotion", ("promote",), _otherwise_made, 0),
    Step("a canary that answers wrongly", ("deploy", "--canary", "50"), _wrong, 8),
    Step("a canary to abort", ("deploy", "--canary", "25"), _salary, 0),
    Step("an abort", ("abort",), _salary, 0),
    Step("a shadow", ("deploy", "--shadow", "50"), _salary, 0),
    Step("the abort of the shadow", ("abort",), _salary, 0),
    Step("a rollback", ("rollback",), _salary, 0),
)


def _under_load(steps: Sequence[Step], trial: Trial) -> Figures:
    """Repeat the steps until enough requests were answered, or one was not."""
    found: list[Found] = []
    asked = 0
    with live(trial) as (project, uri):
        text = project.manifest.read_text(encoding="utf-8")
        (project.manifest.parent / "broken.py").write_text("def init(): raise OSError('no')\ndef run(raw_data): pass\n")
        while asked < trial.size(REQUESTS) and not found:
            with loaded(uri) as load:
                for step in steps:
                    project.manifest.write_text(step.manifest(text), encoding="utf-8")
                    found += _taken(project, step)
            asked += load.asked
            if load.wrong or load.unanswered or not load.asked:
                found.append(Found(Harm.GAP, f"under the steps: {load}"))
    return Figures(asked, asked, tuple(found))


def _taken(project: Project, step: Step) -> Iterator[Found]:
    ended = project.run(*step.command)
    if ended.returncode != step.code:
        yield Found(Harm.UNTRUE, f"{step.what}: exit {ended.returncode}: {ended.stderr[-600:]}")


def _killed_workers(trial: Trial) -> Figures:
    """Kill the busier and the other of two workers in turn. Only the requests that they held may be lost."""
    found: list[Found] = []
    lost = 0
    with live(trial, workers=2) as (project, uri), loaded(uri) as load:
        port = int(uri.rpartition(":")[2].partition("/")[0])
        for number in range(trial.size(KILLS)):
            workers = _both(project, port)
            if not workers:
                found.append(Found(Harm.STUCK, f"a killed worker did not come back: {project.describe()}"))
                break
            lost += _kill(workers[number % 2], port)
    if load.wrong or load.unanswered > lost:
        found.append(Found(Harm.GAP, f"the killed workers held {lost} connections: {load}"))
    return Figures(lost, lost, tuple(found))


def _both(project: Project, port: int) -> list[int]:
    """The two workers, the busier one first, when both run and a connection is open. Empty if that takes too long."""

    def busiest_first() -> list[int]:
        return sorted(workers_of(project), key=lambda pid: -len(held(pid, port)))

    if eventually(lambda: len(workers_of(project)) == 2 and bool(held(busiest_first()[0], port)), 60):
        return busiest_first()
    return []


def _kill(pid: int, port: int) -> int:
    """Kill a worker. Returns the number of its connections. It is stopped first, so that it accepts no more."""
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: _state(pid) == STOPPED)
    lost = len(held(pid, port))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}").exists())  # so that it does not count as running
    return lost


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def held(pid: int, port: int) -> set[str]:
    """The connections to a port that a process holds, by their inodes."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    known = {row[9] for row in rows if row[3] == ESTABLISHED and int(row[1].rpartition(":")[2], 16) == port}
    try:
        links = [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:  # it closed one meanwhile, or has ended
        return set()
    return known & {link[len("socket:[") : -1] for link in links}


GATES = (
    Gate(
        "switch-load",
        f"{CONNECTIONS} connections ask on while releases come up, fail, answer wrongly and are rolled back",
        partial(_under_load, STEPS),
        needs="wrk",
    ),
    Gate(
        "share-load",
        f"{CONNECTIONS} connections ask on while two releases share the requests, with promotions, aborts and shadows",
        partial(_under_load, SHARES),
        needs="wrk",
    ),
    Gate("worker-kill", "a killed worker loses the connections that it held, and no others", _killed_workers, "wrk"),
)
