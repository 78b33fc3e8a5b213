"""The log of the serving release, or of the last one that was tried."""

from __future__ import annotations

import os
from pathlib import Path

from lading import Logs
from lading_serving.control import NOTHING, ControlFolder
from lading_serving.owned import open_own


def read_log(folder: ControlFolder, tail: int, cursor: str | None) -> Logs:
    """The last `tail` lines, or the lines after `cursor`: `release:inode:offset`, which stays valid after a
    rotation.
    """
    number = _logged_release(folder)
    if number is None:
        return Logs(lines=(), cursor=cursor)
    known, inode, offset = map(int, cursor.split(":")) if cursor else (number, 0, 0)
    text, place = _read(folder.log(number), *((inode, offset) if known == number else (0, 0)))
    lines = text.splitlines()
    return Logs(lines=tuple(lines if cursor else lines[max(0, len(lines) - tail) :]), cursor=f"{number}:{place}")


def log_tail(folder: ControlFolder, number: int, lines: int = 40) -> str:
    """The last lines of a release's log."""
    text, _ = _read(folder.log(number), 0, 0)
    return "\n".join(text.splitlines()[-lines:])


def _logged_release(folder: ControlFolder) -> int | None:
    desired = folder.desired() or NOTHING
    kept = [int(path.stem) for path in folder.releases.glob("*.log")]
    return desired["serving"] or desired["candidate"] or max(kept, default=None)


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
