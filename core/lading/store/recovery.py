"""Read a database file without changing it. SQLite may need to recover it first, and then works on a copy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import Locked, Refused

_ENDS = ("", "-journal", "-wal")
_MAGIC = bytes.fromhex("d9d505f920a163d7")  # of a rollback journal; also at its end, after the name of another file
_VERSIONS = slice(18, 20)  # bytes of the header: the file format versions for writing and reading
_ROLLBACK = b"\1\1"  # the database uses a rollback journal, not a write-ahead log
_TRIES = 5
_LARGEST = 1 << 30  # limit in bytes for a copy, because a planted file may be of any size


def refuse_foreign_journal(database: Path) -> None:
    """Raise Refused for a journal that names another file. SQLite would remove that file after using the journal.

    Only transactions over several databases write such a journal, and Lading does not use them.
    """
    journal = database.with_name(f"{database.name}-journal")
    with suppress(FileNotFoundError), journal.open("rb") as file:
        if file.seek(0, os.SEEK_END) >= 2 * len(_MAGIC):
            file.seek(-len(_MAGIC), os.SEEK_END)
            if file.read() == _MAGIC:
                raise Refused(f"{journal} names another file, and Lading wrote no such journal", hint="remove it")


def is_at_rest(database: Path) -> bool:
    """Whether SQLite can read a database without creating a file beside it."""
    with database.open("rb") as file:
        header = file.read(_VERSIONS.stop)
    return header[_VERSIONS] == _ROLLBACK and not database.with_name(f"{database.name}-wal").exists()


@contextmanager
def private_copy(database: Path) -> Iterator[Path]:
    """Yield a private, temporary copy of a database and its journal files.

    Raises Locked if the database keeps changing, and Refused if it is too large to copy.
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
