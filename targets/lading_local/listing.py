"""List the services on this machine: the deployment's own, and those of this user's other supervisors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lading import Context, Deployment, Listed, Listing, ScoringUri, State
from lading_serving.control import NOTHING, ControlFolder
from lading_serving.owned import Foreign

from .folder import opened, scoring_uri, status

_PROCESSES = Path("/proc")
_SUPERVISOR = ("-P", "-m", "lading_serving.supervisor")
"""The arguments of a supervisor's Python, before its folder."""


def everything(deployment: Deployment, context: Context) -> Listing:
    """The deployment's own service, even if it is stopped, and every other running one."""
    with opened(context) as folder:
        own = _listed(folder)
        here = folder.path
    found = [replace(own, service=deployment.service, target=deployment.target)] if own else []
    for pid, path in _supervised():
        if path != here and (other := _running(path, pid, context)):
            found.append(other)
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


def _running(path: Path, pid: int, context: Context) -> Listed | None:
    """The service of a supervisor. Its folder counts only if it is ours and this process wrote its state."""
    folder = ControlFolder(path)
    try:
        folder.check()
        if not folder.is_supervised() or folder.state()["pid"] != pid:
            return None
        return _listed(folder)
    except (Foreign, OSError) as error:
        context.warn(f"the supervisor with pid {pid} is not listed: {error}")
        return None


def _listed(folder: ControlFolder) -> Listed | None:
    """The service of a folder; None if there is none."""
    found, address, state = status(folder), scoring_uri(folder), folder.state()
    if found.state is State.ABSENT:
        return None
    desired = folder.desired() or NOTHING
    number = desired["serving"] or desired["candidate"]
    tags = (state["releases"].get(str(number)) or {"tags": dict[str, str]()})["tags"]
    name = f"pid {state['pid']}" if folder.is_supervised() else ""
    uri = address.uri if isinstance(address, ScoringUri) else None
    listed = Listed.from_tags(tags, name=name, state=found.state, uri=uri, created=_laid_out(folder, number))
    return replace(listed, package_digest=found.package_digest, model_sha256=found.model_sha256, owner=str(folder.path))


def _laid_out(folder: ControlFolder, number: int | None) -> datetime | None:
    """The time when the release of that number was laid out. Its spec is written once."""
    if number is None:
        return None
    with suppress(OSError):
        return datetime.fromtimestamp(folder.spec(number).lstat().st_mtime, UTC)
    return None
