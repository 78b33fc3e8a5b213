"""Files of Lading: regular files of this user with only one name. Anything else at a known name is foreign."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MOST_BYTES = 4 * 1024 * 1024  # limit for a file that is read completely


class Foreign(OSError):
    """A file at a known name that Lading did not create. The message has its path."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path = path


def open_own(path: Path, flags: int) -> int:
    """Open a regular file of this user, or create it with mode 0600. Raises Foreign for anything else, and OSError.

    It is checked before it is opened, because opening a device can have an effect, and opening a FIFO can block.
    """
    check(path, stat.S_IFREG)
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def read_own(path: Path) -> bytes:
    """Read a regular file of this user. Raises Foreign, also if it is too large, and OSError."""
    with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Foreign(path, f"has more than {MOST_BYTES} bytes")
    return content


def check(path: Path, kind: int) -> None:
    """Raise Foreign if `path` exists but is of another kind (such as `stat.S_IFREG`) or of another user."""
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
        raise Foreign(path, "is a hard link")


def _name(mode: int) -> str:
    names = {
        stat.S_IFREG: "a file",
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a link",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    return names.get(stat.S_IFMT(mode), "a device")
