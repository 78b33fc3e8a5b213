"""The answers of a batch on their way to its output file. A command that is run again goes on after the last one."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..engine.release.chunks import RowAnswer
from ..errors import BadInput, Locked
from ..model import Json


class Partial:
    """A file of JSON lines beside the output: what the answers belong to, and then the answer of each row.

    `count` is the number of rows that have been asked.
    """

    def __init__(self, file: Path, stream: IO[bytes]) -> None:
        self.file = file
        self.count = 0
        self._stream = stream

    def go_on(self, source: Mapping[str, Json]) -> bool:
        """Keep the answers if they belong to `source`, and otherwise begin again. Returns whether there were others.

        A line that an interrupt has cut is removed.
        """
        self._stream.seek(0)
        known, end = self._stream.readline(), 0
        begin = json.dumps(source).encode() + b"\n"
        if known == begin:
            end = self._stream.tell()
            for line in self._stream:
                if not line.endswith(b"\n"):
                    break
                self.count, end = self.count + 1, end + len(line)
        self._stream.truncate(end)
        self._stream.seek(end)
        if not end:
            self._stream.write(begin)
        return bool(known) and not end

    def add(self, answers: Sequence[RowAnswer]) -> None:
        """Append the answers of the next rows."""
        self._stream.write(b"".join(json.dumps(answer).encode() + b"\n" for answer in answers))
        self._stream.flush()
        self.count += len(answers)

    def answers(self) -> Iterator[RowAnswer]:
        """All answers, in the order of the rows."""
        with self.file.open(encoding="utf-8") as stream:
            stream.readline()
            for line in stream:
                yield RowAnswer(*json.loads(line))


def _appended(file: Path) -> IO[bytes]:
    try:
        return file.open("a+b")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{file} cannot be written: {reason}", hint="name another file with -o") from None


@contextmanager
def opened(out: Path) -> Iterator[Partial]:
    """Open the answers of an output file. Raises Locked if another command is writing them."""
    file = out.with_name(f"{out.name}.partial")
    with _appended(file) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Locked(f"another command is writing {out}", hint="wait for it, or name another file") from None
        yield Partial(file, stream)
