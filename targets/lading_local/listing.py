"""List the services on this machine: the deployment's own, and those of this user's other supervisors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lading import Context, Deployment, Listed, Listing, ScoringUri, State
from lading_serving.control import NOTHING, ControlFolder, ReleaseState
from lading_serving.owned import Foreign

from .folder import opened, scoring_uri, status

_PROCESSES = Path("/proc")
_SUPERVISOR = ("-P", "-m", "lading_serving.supervisor")
"""The arguments of a supervisor's Python, before its folder."""


def everything(deployment: Deployment, context: Context) -> Listing:
    """The deployment's own service, even if it is stopped, and every other running one."""
    with opened(context) as folder:
        own = tuple(_listed(folder))
        here = folder.path
    found = [replace(each, service=deployment.service, target=deployment.target) for each in own]
    for pid, path in _supervised():
        if path != here:
            found += _running(path, pid, context)
    return Listing(objects=tuple(found))


def _supervised() -> Iterator[tuple[int, Path]]:
    """The supervisors of this user with their folders, from the kernel; empty if the kernel does not show them."""
    for process in sorted(_PROCESSES.glob("[0-9]*")):
        with suppress(OSError, UnicodeDecodeError):  # it has ended, or it may not be read
            if process.stat().st_uid != os.geteuid():
                continue
            arguments = (process / "cmdline").read_bytes().decode().split("\0")[1:-1]
            if tuple(arguments[:-1]) == _SUPERVISOR:
                yield int(process.name), Path(arguments[-1])


def _running(path: Path, pid: int, context: Context) -> tuple[Listed, ...]:
    """The releases of a supervisor. Its folder counts only if it is ours and this process wrote its state."""
    folder = ControlFolder(path)
    try:
        folder.check()
        if not folder.is_supervised() or folder.state()["pid"] != pid:
            return ()
        return tuple(_listed(folder))
    except (Foreign, OSError) as error:
        context.warn(f"the supervisor with pid {pid} is not listed: {error}")
        return ()


def _listed(folder: ControlFolder) -> Iterator[Listed]:
    """The release of a folder that serves or is about to, and its canary."""
    found, address, state = status(folder), scoring_uri(folder), folder.state()
    if found.state is State.ABSENT:
        return
    desired, is_supervised = folder.desired() or NOTHING, folder.is_supervised()
    stable, canary = desired["serving"] or desired["candidate"], desired["canary"]
    name = f"pid {state['pid']}" if is_supervised else ""
    uri = address.uri if isinstance(address, ScoringUri) else None
    for number in filter(None, (stable, canary)):
        release = state["releases"].get(str(number))
        shown = found.state if number == stable else _state(release, is_supervised=is_supervised)
        tags = release["tags"] if release else {}
        listed = Listed.from_tags(tags, name=name, state=shown, uri=uri, created=_laid_out(folder, number))
        yield replace(listed, owner=str(folder.path))


def _state(canary: ReleaseState | None, *, is_supervised: bool) -> State:
    """The state of a canary."""
    if not is_supervised:
        return State.STOPPED
    if canary is None or canary["phase"] != "failed":
        return State.RUNNING if canary and canary.get("accepting", 0) else State.PENDING
    return State.FAILED


def _laid_out(folder: ControlFolder, number: int) -> datetime | None:
    """The time when the release of that number was laid out. Its spec is written once."""
    with suppress(OSError):
        return datetime.fromtimestamp(folder.spec(number).lstat().st_mtime, UTC)
    return None
