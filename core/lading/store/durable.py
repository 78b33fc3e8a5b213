"""File operations that survive a power loss, and Lading errors in place of errors of the operating system."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import Transient

_HINTS = {
    errno.ENOSPC: "free some space, then run the same command again",
    errno.EDQUOT: "free some space, then run the same command again",
    errno.EACCES: "make it accessible, then run the same command again",
    errno.EPERM: "make it accessible, then run the same command again",
    errno.EROFS: "name a store on a writable file system with --store",
}
_SETTLED_NS = 10_000_000_000


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Raise Transient, with the path in its message, for an error of the operating system."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = _HINTS.get(error.errno or 0, "run the same command again")
        named = path / error.filename if isinstance(error.filename, str) else path  # it may be relative to a descriptor
        raise Transient(f"{named}: {reason}", hint=hint) from error


def sync(path: Path) -> None:
    """Wait until the bytes of a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_descriptor(descriptor: int) -> None:
    """Wait until the file or folder of a descriptor is on the disk."""
    if sys.platform == "darwin":  # there, fsync does not empty the drive's cache
        import fcntl

        with suppress(OSError):  # the file system does not support it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    os.fsync(descriptor)


def make_folder(path: Path) -> Path:
    """Create a private folder and its missing parents. The folder may exist."""
    if not path.is_dir():
        make_folder(path.parent)
        with suppress(FileExistsError):  # another process created it first
            path.mkdir(0o700)
            path.chmod(0o700)  # the umask may have removed bits
            sync(path.parent)
    return path


def seal(path: Path) -> None:
    """Make a file read-only and wait until it is on the disk.

    Its modification time is set back, so that a later write always changes it. The next digest can then be cached.
    """
    import time

    status = path.stat()
    path.chmod(0o500 if status.st_mode & 0o100 else 0o400)
    past = time.time_ns() - _SETTLED_NS
    os.utime(path, ns=(past, past))
    sync(path)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a small private file in one step. After a power loss it holds either the old bytes or the new ones."""
    part = path.with_name(f"{path.name}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(part, flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)  # the umask may have removed bits
        write_whole(descriptor, data)
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)
    move(part, path)


def write_whole(descriptor: int, data: bytes) -> None:
    """Write all bytes, even if the disk accepts them in parts."""
    while data:
        data = data[os.write(descriptor, data) :]


def move(source: Path, destination: Path) -> None:
    """Rename a file that is already on the disk. The new name survives a power loss."""
    source.rename(destination)
    sync(destination.parent)
