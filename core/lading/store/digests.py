"""Digests of files, cached by file metadata: an unchanged file is not read again."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import BadInput
from .database import Database
from .durable import naming

_NS_PER_SECOND = 1_000_000_000


class Digests:
    """SHA-256 digests of files and folders. New digests stay in memory until `save` writes them.

    A file is identified by device, inode, size and modification time. The change time does not count, because a hard
    link alters it. The path does not count, so that the digests of a moved project stay valid.
    """

    def __init__(self, root: Path, database: Database) -> None:
        self._root = root
        self._database = database
        self._learnt: dict[str, tuple[str, str]] = {}

    def file(self, path: Path) -> str:
        """The SHA-256 of a file. Raises BadInput if the file does not exist."""
        with _reading(path):
            return self._known(_regular(path, path.stat())) or self._compute(path)

    def tree(self, path: Path) -> str:
        """The SHA-256 of a file or of a folder.

        For a folder, it covers the sorted relative names and digests of its files.

        Links are followed. `__pycache__` and the store are left out, because using the folder changes them.
        """
        with _reading(path):
            if not path.is_dir():
                return self.file(path)
            return digest_of([[file.relative_to(path).as_posix(), self.file(file)] for file in self._files(path)])

    def remember(self, path: Path, sha256: str) -> None:
        """Cache a digest that was computed after the file was sealed."""
        status = path.stat()
        self._learnt[_identity(status)] = (_stamp(status), sha256)

    def save(self) -> None:
        """Write the new digests in one transaction, if there are any."""
        rows = [(file, stamp, sha256) for file, (stamp, sha256) in self._learnt.items()]
        if rows:
            with self._database.write() as connection:
                connection.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", rows)
            self._learnt.clear()

    def _files(self, folder: Path, above: frozenset[str] = frozenset()) -> Iterator[Path]:
        identity = _identity(folder.stat())
        if identity in above:
            raise BadInput(f"{folder} is a link to a folder that holds it")
        for path in sorted(folder.iterdir()):
            if not path.is_dir():
                yield path
            elif path.name != "__pycache__" and not self._is_store(path):
                yield from self._files(path, above | {identity})

    def _is_store(self, path: Path) -> bool:
        return self._root.is_dir() and path.samefile(self._root)

    def _known(self, status: os.stat_result) -> str | None:
        file = _identity(status)
        rows = [self._learnt[file]] if file in self._learnt else self._stored(file)
        return next((sha256 for stamp, sha256 in rows if stamp == _stamp(status)), None)

    def _stored(self, file: str) -> list[tuple[str, str]]:
        return self._database.read("SELECT stamp, sha256 FROM digests WHERE file = ?", file)

    def _compute(self, path: Path) -> str:
        import hashlib
        import time

        with path.open("rb") as reader:
            status, now = os.fstat(reader.fileno()), time.time_ns()
            sha256 = hashlib.file_digest(reader, "sha256").hexdigest()
        if status.st_mtime_ns + _resolution(status.st_mtime_ns) < now:  # a later write changes the time
            self._learnt[_identity(status)] = (_stamp(status), sha256)
        return sha256


def digest_of(value: object) -> str:
    """The SHA-256 of a JSON value."""
    import hashlib

    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    with naming(path):
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BadInput(f"no such file: {error.filename or path}") from error


def _regular(path: Path, status: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{path} is not a regular file")
    return status


def _identity(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}:{status.st_mtime_ns}"


def _resolution(mtime_ns: int) -> int:
    """The time in nanoseconds during which a second write may leave the modification time unchanged.

    A file system that stores fractions of a second counts in kernel ticks of at most 10 ms. Others count in steps of up
    to 2 s. A file that was written within that time is digested again next time, like the "racy" entries of Git.
    """
    return 2 * _NS_PER_SECOND if mtime_ns % _NS_PER_SECOND == 0 else _NS_PER_SECOND // 20
