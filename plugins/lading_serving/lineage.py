"""The processes that descend from a process, and their certain end.

On Linux a process can adopt: a descendant whose parent ends becomes its child, even if it has left the session. So
nothing that a scoring script starts can get away, and a process has ended when it has no child. Elsewhere the processes
of a session that a keeper leads are ended, and those that have left it stay.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_IS_LINUX = sys.platform.startswith("linux")
_LIBRARY = ctypes.CDLL(None) if _IS_LINUX else None
_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36  # of prctl
_PAUSE = 0.01


def adopt() -> None:
    """Become the parent of each descendant that loses its own, if the system can do that."""
    if _LIBRARY is not None:
        _LIBRARY.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, if it can do that. Called between fork and exec."""
    if _LIBRARY is not None:
        _LIBRARY.prctl(_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it ended before
            os._exit(1)


def end_others(spared: Collection[int], seconds: float, *, owns_session: bool) -> list[int]:
    """Kill all descendants of this process except the spared children, and theirs. Returns those that live on.

    It looks again until a look finds none, because a process may fork while it is killed. Without Linux, it kills
    nothing unless the process `owns_session`: a keeper leads it. Another session may be that of a login shell.
    """
    end = time.monotonic() + seconds
    while found := _others(spared, owns_session=owns_session):
        for member in found:
            _kill(member, spared)
        _reap(found)
        if time.monotonic() >= end:
            return [member.pid for member in found]
        time.sleep(_PAUSE)
    return []


def reap_others(spared: Collection[int]) -> None:
    """Remove adopted children that have ended by themselves."""
    if _IS_LINUX:
        _reap([each for each in _table() if each.parent == os.getpid() and each.pid not in spared])


class Process(NamedTuple):
    """One process."""

    pid: int
    parent: int
    group: int


def _others(spared: Collection[int], *, owns_session: bool) -> list[Process]:
    if _IS_LINUX:
        found = _below({os.getpid()}, [each for each in _table() if each.pid not in spared])
    else:
        found = _others_of_session(spared) if owns_session else []
    return [each for each in found if each.group not in spared]


def _below(parents: set[int], table: Collection[Process]) -> list[Process]:
    """The descendants of processes."""
    found: list[Process] = []
    while parents:
        members = [each for each in table if each.parent in parents]
        parents = {each.pid for each in members}
        found += members
    return found


def _table() -> list[Process]:
    """All processes."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError, ValueError):  # it has ended
            _, parent, group = (process / "stat").read_bytes().rpartition(b")")[2].split()[:3]
            found.append(Process(int(process.name), int(parent), int(group)))
    return found


def _others_of_session(spared: Collection[int]) -> list[Process]:
    """The processes of this session that are not spared, nor below these. Its leader is the keeper, which stays."""
    table = _session()
    left_out = {os.getsid(0), *spared, *(each.pid for each in _below({*spared}, table))}
    return [each for each in table if each.pid not in left_out]


def _session() -> list[Process]:
    """The other processes of this session."""
    listed = subprocess.run(["ps", "-Awwo", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, check=False)
    found = []
    for pid, parent, group, state in (line.split(None, 3) for line in listed.stdout.splitlines()):
        with suppress(OSError):
            if os.getsid(int(pid)) == os.getsid(0) and int(pid) != os.getpid() and not state.startswith("Z"):
                found.append(Process(int(pid), int(parent), int(group)))
    return found


def _kill(member: Process, spared: Collection[int]) -> None:
    with suppress(OSError):
        os.kill(member.pid, signal.SIGKILL)
    if member.group not in {os.getpgid(0), os.getsid(0), *spared}:
        with suppress(OSError):  # the whole group at once, because a member may fork meanwhile
            os.killpg(member.group, signal.SIGKILL)


def _reap(found: Collection[Process]) -> None:
    for member in found:
        with suppress(ChildProcessError):
            os.waitpid(member.pid, os.WNOHANG)
