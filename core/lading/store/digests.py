"""Digests of files, remembered by what `stat` says of them: an unchanged file is not read again."""

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
    """sha256 of files and folders. What is learnt is kept in memory, and written at once by `save`.

    A file is known by device, inode, size and modification time. Not by the time of its last status change, as a hard
    link changes that; nor by its path, so that a moved project stays known.
    """

    def __init__(self, root: Path, database: Database) -> None:
        self._root = root
        self._database = database
        self._learnt: dict[str, tuple[str, str]] = {}

    def file(self, path: Path) -> str:
        """The sha256 of a file's bytes. Raises BadInput where there is no such file."""
        with _reading(path):
            return self._known(_regular(path, path.stat())) or self._learn(path)

    def tree(self, path: Path) -> str:
        """The sha256 of a file, or of a folder: of the sorted relative names and digests of the files in it.

        Links are followed. `__pycache__` and the store are left out: to use what is in the folder writes there.
        """
        with _reading(path):
            if not path.is_dir():
                return self.file(path)
            return digest_of([[file.relative_to(path).as_posix(), self.file(file)] for file in self._files(path)])

    def remember(self, path: Path, sha256: str) -> None:
        """Take note of the digest of a file that was sealed when its bytes were digested."""
        status = path.stat()
        self._learnt[_identity(status)] = (_stamp(status), sha256)

    def save(self) -> None:
        """Write what was learnt, in one transaction; nothing where nothing was."""
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

    def _learn(self, path: Path) -> str:
        import hashlib
        import time

        with path.open("rb") as reader:
            status, now = os.fstat(reader.fileno()), time.time_ns()
            sha256 = hashlib.file_digest(reader, "sha256").hexdigest()
        if status.st_mtime_ns + _grain(status.st_mtime_ns) < now:  # a write from now on will show, while we read too
            self._learnt[_identity(status)] = (_stamp(status), sha256)
        return sha256


def digest_of(value: object) -> str:
    """The sha256 of a JSON value."""
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


def _grain(mtime_ns: int) -> int:
    """How long after its modification time a file can be written again without showing it, in nanoseconds.

    A file system that keeps fractions counts in ticks of the kernel, at most 10 ms; one that does not, in up to 2 s.
    A file digested within that time is digested again the next time, as Git does with its "racy" entries.
    """
    return 2 * _NS_PER_SECOND if mtime_ns % _NS_PER_SECOND == 0 else _NS_PER_SECOND // 20
