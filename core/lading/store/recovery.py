"""A database file as it lies there: what SQLite would do with what is beside it, and a copy for it to do so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import Locked, Refused

_ENDS = ("", "-journal", "-wal")
_MAGIC = bytes.fromhex("d9d505f920a163d7")  # of a rollback journal; at its end after the name of another file
_VERSIONS = slice(18, 20)  # of the header: which versions of SQLite may write the file, and read it
_ROLLBACK = b"\1\1"  # with a rollback journal, and not with a write-ahead log
_TRIES = 5
_LARGEST = 1 << 30  # bytes that are copied: a planted file may say that it is as large as it likes


def refuse_foreign_journal(database: Path) -> None:
    """Raise Refused for a journal that names another file: SQLite removes that file once it has played the journal.

    Only a transaction over several databases writes such a journal, and Lading has none.
    """
    journal = database.with_name(f"{database.name}-journal")
    with suppress(FileNotFoundError), journal.open("rb") as file:
        if file.seek(0, os.SEEK_END) >= 2 * len(_MAGIC):
            file.seek(-len(_MAGIC), os.SEEK_END)
            if file.read() == _MAGIC:
                raise Refused(f"{journal} names another file, and Lading wrote no such journal", hint="remove it")


def is_at_rest(database: Path) -> bool:
    """Whether SQLite makes no file beside a database when it only reads it."""
    with database.open("rb") as file:
        header = file.read(_VERSIONS.stop)
    return header[_VERSIONS] == _ROLLBACK and not database.with_name(f"{database.name}-wal").exists()


@contextmanager
def private_copy(database: Path) -> Iterator[Path]:
    """A copy of a database and what is beside it, in a private folder that is removed afterwards.

    Raises Locked if it changes all the time, and Refused if it is too large to be copied.
    """
    import shutil
    from tempfile import TemporaryDirectory

    sources = [database.with_name(f"{database.name}{end}") for end in _ENDS]
    if sum(source.stat().st_size for source in sources if source.exists()) > _LARGEST:
        raise Refused(
            f"{database} must be recovered, and is too large to be read in a copy", hint="run `lading repair`"
        )
    with TemporaryDirectory() as folder:
        for _ in range(_TRIES):
            before = [_stamp(source) for source in sources]
            for source in sources:
                copy = Path(folder, source.name)
                copy.unlink(missing_ok=True)
                with suppress(FileNotFoundError):
                    shutil.copyfile(source, copy)
            if before == [_stamp(source) for source in sources]:
                break
        else:
            raise Locked(f"{database} is busy", hint="run the same command again")
        yield Path(folder, database.name)


def _stamp(path: Path) -> tuple[int, ...]:
    with suppress(FileNotFoundError):
        status = path.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns
    return ()
