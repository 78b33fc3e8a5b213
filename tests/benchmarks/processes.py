"""The cost of a server's processes, from /proc. This needs Linux."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def processes_of(folder: Path) -> list[int]:
    """The processes with a path in `folder` on their command line."""
    return [pid for pid, command in _commands() if f"{folder}/" in command]


def cpu_seconds(pids: list[int]) -> float:
    """The CPU time of the processes so far, in user and system mode."""
    return sum(_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    pages = (PROC / str(pid) / "statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _commands() -> Iterator[tuple[int, str]]:
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                yield int(entry.name), (entry / "cmdline").read_bytes().decode(errors="replace")


def _ticks(pid: int) -> int:
    # The name of the program is in brackets and may contain spaces. utime and stime are fields 14 and 15.
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
