"""Files that are ours: regular, with one name and our owner. Anything else at a known name was planted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MOST_BYTES = 4 * 1024 * 1024  # of a file that is read whole


class Foreign(OSError):
    """Something at a known name is not what this software puts there. The message names it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path = path


def open_own(path: Path, flags: int) -> int:
    """Open a regular file of ours, mode 0600 if this creates it. Raises Foreign for anything else, and OSError.

    It is looked at before it is opened: to open a device can have an effect, and to open a FIFO can wait for ever.
    """
    check(path, stat.S_IFREG)
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def read_own(path: Path) -> bytes:
    """The content of a regular file of ours. Raises Foreign, also for one that is too large, and OSError."""
    with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Foreign(path, f"has more than {MOST_BYTES} bytes")
    return content


def check(path: Path, kind: int) -> None:
    """Raise Foreign if `path` exists and is not of that kind (as in `stat.S_IFREG`) and ours."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_IFMT(found.st_mode) != kind:
        raise Foreign(path, f"is {_name(found.st_mode)}, not {_name(kind)}")
    if found.st_uid != os.geteuid():
        raise Foreign(path, f"belongs to user {found.st_uid}")
    if found.st_mode & 0o022:
        raise Foreign(path, "is writable by other users")
    if kind == stat.S_IFREG and found.st_nlink > 1:
        raise Foreign(path, "has another name too (a hard link)")


def _name(mode: int) -> str:
    names = {
        stat.S_IFREG: "a file",
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a link",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    return names.get(stat.S_IFMT(mode), "a device")
