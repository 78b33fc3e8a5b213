"""The log of the serving release, or of the last one that was tried."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from lading import BadInput, Logs
from lading_serving.control import NOTHING, ControlFolder
from lading_serving.owned import open_own

_STAMP = re.compile(r'(?:\{"time": ")?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)', re.ASCII)


def read_log(
    folder: ControlFolder,
    tail: int,
    cursor: str | None,
    start: datetime | None = None,
    release: int | None = None,
) -> Logs:
    """The last `tail` lines, none older than `start`, or the lines after `cursor`.

    A cursor is `release:inode:offset`, which stays valid after a rotation.
    """
    number = _logged_release(folder) if release is None else _with_log(folder, release)
    if number is None:
        return Logs(lines=(), cursor=cursor)
    known, inode, offset = map(int, cursor.split(":")) if cursor else (number, 0, 0)
    text, place = _read(folder.log(number), *((inode, offset) if known == number else (0, 0)))
    lines = _lines(text)
    if start and not cursor:
        lines = since(lines, start)
    return Logs(lines=tuple(lines if cursor else lines[max(0, len(lines) - tail) :]), cursor=f"{number}:{place}")


def since(lines: Sequence[str], start: datetime) -> list[str]:
    """The lines after the last one that is older than `start`.

    A line without a time was written by the script, during the request of the next line that has one.
    """
    stamps = ((place, _STAMP.match(line)) for place, line in enumerate(lines))
    old = [place for place, stamp in stamps if stamp and datetime.fromisoformat(stamp[1]) < start]
    return list(lines[old[-1] + 1 :] if old else lines)


def _with_log(folder: ControlFolder, number: int) -> int:
    """The release, if its log is there. Raises BadInput with those that have one."""
    kept = sorted(_kept(folder))
    if number not in kept:
        known = ", ".join(map(str, kept))
        hint = f"releases with a log: {known}" if kept else "`lading deploy` starts the service"
        raise BadInput(f"release {number} has no log on this machine", hint=hint)
    return number


def _kept(folder: ControlFolder) -> list[int]:
    return [int(path.stem) for path in folder.releases.glob("*.log")]


def log_tail(folder: ControlFolder, number: int, lines: int = 40) -> str:
    """The last lines of a release's log."""
    text, _ = _read(folder.log(number), 0, 0)
    return "\n".join(_lines(text)[-lines:])


def _lines(text: str) -> list[str]:
    """The lines of a log. Other characters that end a line elsewhere, such as U+2028, may be in a text of JSON."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _logged_release(folder: ControlFolder) -> int | None:
    desired = folder.desired() or NOTHING
    return desired["serving"] or desired["candidate"] or max(_kept(folder), default=None)


def _read(log: Path, inode: int, offset: int) -> tuple[str, str]:
    """All complete lines after a position in a log and in its last rotated half, and the end position."""
    files = [(path.stat().st_ino, path) for path in (log.with_name(f"{log.name}.1"), log) if path.exists()]
    known = [index for index, (number, _) in enumerate(files) if number == inode]
    text, place = b"", "0:0"
    for number, path in files[known[0] :] if known else files:
        start = offset if number == inode else 0
        with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
            file.seek(start)
            data = file.read()
        if path == log:
            data = data[: data.rfind(b"\n") + 1]
        text += data
        place = f"{number}:{start + len(data)}"
    return text.decode(errors="replace"), place
