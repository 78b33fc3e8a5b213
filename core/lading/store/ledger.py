"""The records a second time: one line per transaction, appended before it is committed, for `lading repair`.

A line is a checksum and the rows that a transaction wrote, so that a damaged one is known for what it is. The last line
that speaks of a row is the true one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .durable import move, naming, sync, sync_descriptor, write_whole

Row = Sequence[Any]
"""The name of a table and the values of its columns."""


class Ledger:
    """The file `store.ledger`, which is never a link. Its writer holds the write lock of the database."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, rows: Sequence[Row]) -> None:
        """Add the rows of one transaction; they are on the disk on return."""
        with naming(self.path):
            self._write(self.path, os.O_APPEND, [rows])

    def rewrite(self, rows: Iterable[Row]) -> None:
        """Put these rows in the place of all that it says."""
        part = self.path.with_name(f"{self.path.name}.part")
        with naming(self.path):
            self._write(part, os.O_CREAT | os.O_TRUNC, ([row] for row in rows))
            move(part, self.path)

    def read(self) -> tuple[list[Row], int]:
        """The rows of the undamaged lines, oldest first, and the number of damaged lines; nothing without a file."""
        with naming(self.path):
            lines = self.path.read_bytes().split(b"\n") if self.path.exists() else []
        rows = [_checked(line) for line in lines if line]
        return [row for some in rows if some is not None for row in some], rows.count(None)

    def _write(self, path: Path, flags: int, transactions: Iterable[Sequence[Row]]) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
        try:
            os.fchmod(descriptor, 0o600)  # whatever the umask took away
            # A line begins with its line feed: what a torn one before it left is a damaged line, and no part of this.
            for rows in transactions:
                write_whole(descriptor, b"\n" + _line(rows))
            sync_descriptor(descriptor)
        finally:
            os.close(descriptor)
        sync(path.parent)


def _line(rows: Sequence[Row]) -> bytes:
    text = json.dumps(rows, separators=(",", ":")).encode()
    return b"%08x %s" % (zlib.crc32(text), text)


def _checked(line: bytes) -> list[Row] | None:
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    rows: list[Row] = json.loads(text)
    return rows
