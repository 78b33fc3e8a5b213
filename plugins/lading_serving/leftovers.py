"""Processes of a service that have outlived its supervisor and its keeper, because both were killed at once.

They are found by a variable in their environment, which the kernel shows of a process's start. Only Linux shows it.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK = "LADING_SERVICE_FOLDER"
"""The variable with the folder of the service, in the environment of each of its processes."""

_PROCESSES = Path("/proc")
_LIMIT = 5.0  # seconds
_PAUSE = 0.01


class StillRunning(Exception):
    """Processes of a service cannot be ended. The message names them."""


def end_leftovers(folder: Path) -> None:
    """Kill what is left of a service that has no supervisor. Raises StillRunning."""
    end = time.monotonic() + _LIMIT
    while left := leftovers(folder):
        if time.monotonic() >= end:
            names = ", ".join(f"{_name(pid)} (pid {pid})" for pid in left)
            raise StillRunning(f"these processes of an earlier start cannot be ended: {names}")
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def leftovers(folder: Path) -> list[int]:
    """The processes of this user, except for this one, that belong to the service."""
    wanted = f"{MARK}={folder}".encode()
    return [pid for pid in _own() if pid != os.getpid() and wanted in _environment(pid)]


def _own() -> list[int]:
    found = []
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if process.stat().st_uid == os.geteuid():
                found.append(int(process.name))
    return found


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROCESSES / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _name(pid: int) -> str:
    with suppress(OSError):
        return (_PROCESSES / str(pid) / "comm").read_text().strip()
    return "?"
