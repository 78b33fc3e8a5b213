"""A second copy of the records, for `lading repair`: one line per transaction, written before the commit.

A line holds a checksum and the rows of a transaction, so that damaged lines are detected. The last line with a row is
the valid one. From format 2 of the store on, each line starts with its format. An older version of Lading skips such a
line. A line without a format comes from an older version.
"""

from __future__ import annotations

import itertools
import json
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from .durable import move, naming, sync, sync_descriptor, write_whole

Row = Sequence[Any]
"""The name of a table and the values of its columns."""

_FORMAT = "format"
"""Used in place of a table name, before the format of a line. No table has this name."""


class Ledger:
    """The file `store.ledger`. It is never a link. Its writer must hold the write lock of the database."""

    def __init__(self, path: Path, format: int = 1) -> None:  # noqa: A002
        """The ledger at `path`. `format` is the format of the rows that are written to it."""
        self.path = path
        self._mark: list[Row] = [(_FORMAT, format)] if format > 1 else []

    def append(self, rows: Sequence[Row]) -> None:
        """Append the rows of one transaction. They are on the disk on return."""
        with naming(self.path):
            self._write(self.path, os.O_APPEND, [rows])

    def rewrite(self, rows: Iterable[Row]) -> None:
        """Replace the whole content of the ledger by these rows."""
        part = self.path.with_name(f"{self.path.name}.part")
        with naming(self.path):
            self._write(part, os.O_CREAT | os.O_TRUNC, ([row] for row in rows))
            move(part, self.path)

    def read(
        self, upgrade: Callable[[int, list[Row]], Iterable[Row]] = lambda _format, rows: rows
    ) -> tuple[list[Row], int]:
        """Return the rows of all intact lines, oldest first, and the number of damaged lines.

        A missing file has no rows.

        `upgrade` receives the rows of consecutive lines of one format. It returns them in the format of the caller.
        """
        with naming(self.path):
            lines = self.path.read_bytes().split(b"\n") if self.path.exists() else []
        found = [_checked(line) for line in lines if line]
        whole = [line for line in found if line is not None]
        groups = itertools.groupby(whole, key=lambda line: line[0])
        upgraded = (upgrade(number, [row for _, rows in group for row in rows]) for number, group in groups)
        return [*itertools.chain.from_iterable(upgraded)], found.count(None)

    def _write(self, path: Path, flags: int, transactions: Iterable[Sequence[Row]]) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
        try:
            os.fchmod(descriptor, 0o600)  # the umask may have removed bits
            # Each line starts with its line feed. So an incomplete line before it stays a separate, damaged line.
            for rows in transactions:
                write_whole(descriptor, b"\n" + _line([*self._mark, *rows]))
            sync_descriptor(descriptor)
        finally:
            os.close(descriptor)
        sync(path.parent)


def _line(rows: Sequence[Row]) -> bytes:
    text = json.dumps(rows, separators=(",", ":")).encode()
    return b"%08x %s" % (zlib.crc32(text), text)


def _checked(line: bytes) -> tuple[int, list[Row]] | None:
    """The format and the rows of a line. None if the line is damaged."""
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        rows: list[Row] = json.loads(text)
    except ValueError:  # somebody else wrote the line: the checksum is not secret
        return None
    if not isinstance(rows, list) or not all(isinstance(row, list) and row for row in rows):
        return None
    if rows and rows[0][:1] == [_FORMAT]:
        number = rows[0][-1]
        return (number, rows[1:]) if isinstance(number, int) else None
    return 1, rows
