"""The supervisor of a service: the releases that it should run, and its start."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

from lading import Command, Context, Deployment, StageFailed, Transient, child_environment, run_command
from lading_serving.control import NOTHING, ControlFolder, Desired, Handed
from lading_serving.json_files import is_number, read_json, write_json
from lading_serving.owned import read_own

from .keys import provide
from .leftovers import clear_leftovers, warn_of_another_port
from .options import LocalOptions
from .releases import handed_values, recorded_sha256

_START_LIMIT = 30.0
_MOST_STARTS = 5  # starts of a supervisor for one release, because another start would fail again


class TooManyStarts(StageFailed):
    """The supervisor has ended right after each start for the same release."""


def number_of(folder: ControlFolder, release_id: str, context: Context) -> int | None:
    """The number of a release in the service's folder. None if it is not there.

    Raises Refused if the store does not know its file.
    """
    for number in sorted(known(folder)):
        if release_id.encode() in read_own(folder.spec(number)):
            recorded_sha256(folder, number, context)
            return number
    return None


def known(folder: ControlFolder) -> set[int]:
    """The releases whose files are complete."""
    return {int(path.stem) for path in folder.releases.glob("[0-9]*.json")}


def desire(
    folder: ControlFolder,
    wanted: Desired,
    deployment: Deployment[LocalOptions],
    context: Context,
    intent: str,
    *,
    beside: Deployment[LocalOptions] | None = None,
) -> None:
    """Write the desired state under the name `intent`, and start a supervisor if none runs.

    `beside` is the deployment of the other release that should run, if one does.

    Raises Refused if the store does not know the file of a release, and TooManyStarts.
    """
    specs = _due(folder, wanted, context)
    handed = Handed(values=handed_values(deployment, beside), specs=specs)
    if specs:
        provide(folder, deployment.options, context)
        folder.hand(handed)  # before the desired state, so that the start uses these values
    if wanted == (folder.desired() or NOTHING):
        folder.wake()  # a killed command may have written the desired state without waking the supervisor
    else:
        context.intend(f"local/{deployment.service}/{intent}")
        folder.desire(wanted)
    if clear_leftovers(folder):
        warn_of_another_port(folder, deployment.options, context)
        _count_start(folder, max(numbers_in(wanted)))
        _start_supervisor(folder)
        folder.hand(handed)


def numbers_in(desired: Desired) -> set[int]:
    """The releases in a desired state."""
    return {number for number in (desired["serving"], desired["candidate"], desired["canary"]) if number is not None}


def _due(folder: ControlFolder, wanted: Desired, context: Context) -> dict[str, str]:
    """The releases that should run and do not, each with its recorded sha256. A supervisor starts no others.

    Those that should have run before are checked too. Raises Refused if the store does not know a release's file.
    """
    missing = (numbers_in(folder.desired() or NOTHING) | numbers_in(wanted)) - running(folder)
    return {str(each): recorded_sha256(folder, each, context) for each in sorted(missing) if folder.spec(each).exists()}


def in_use(folder: ControlFolder) -> set[int]:
    """The releases that run or should run."""
    return running(folder) | numbers_in(folder.desired() or NOTHING)


def running(folder: ControlFolder) -> set[int]:
    """The releases that run."""
    return {*map(int, folder.state()["releases"])} if folder.is_supervised() else set()


def still_serving(folder: ControlFolder, number: int) -> int | None:
    """The release that serves until `number` does."""
    releases = folder.state()["releases"] if folder.is_supervised() else {}
    return next((int(key) for key, each in releases.items() if each["phase"] == "serving" and int(key) != number), None)


def _count_start(folder: ControlFolder, number: int) -> None:
    """Count a start for this release. Raises TooManyStarts."""
    file = folder.path / "starts.json"
    counted = read_json(file, _is_count) or {}
    times = counted["times"] + 1 if counted.get("release") == number else 1
    if times > _MOST_STARTS:
        log = folder.path / "supervisor.log"
        raise TooManyStarts(
            f"the supervisor of {folder.path} ended {_MOST_STARTS} times right after its start: {_last_line(log)}",
            hint=f"see its log: {log}",
        )
    write_json(file, {"release": number, "times": times})


def _is_count(content: Any) -> bool:
    return isinstance(content, dict) and all(is_number(content.get(key)) for key in ("release", "times"))


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "it logged nothing"


def _start_supervisor(folder: ControlFolder) -> None:
    """Start a supervisor. When this returns, it runs, and `state.json` is its own report."""
    argv = (sys.executable, "-P", "-m", "lading_serving.supervisor", str(folder.path))
    finished = run_command(Command(argv, folder.path, child_environment()), timeout=_START_LIMIT)
    if finished.code != 0:
        last = finished.tail[-1] if finished.tail else f"exit code {finished.code}"
        message = f"the supervisor of {folder.path} did not start: {last}"
        if os.strerror(errno.ENOSPC) in last:
            raise Transient(message, hint="free some space, then run the same command again")
        raise StageFailed(message)
