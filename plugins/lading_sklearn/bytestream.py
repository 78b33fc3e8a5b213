"""A stream of bytes in the order in which an unpickler reads them."""

from __future__ import annotations

from collections.abc import Iterator

_LONGEST_LINE = 1 << 16


class Broken(Exception):
    """The stream is not a pickle, ends too early, or exceeds the limits."""


class Rejected(Broken):
    """The stream is not a pickle, or ends too early. An unpickler stops here too, so that it never reads the rest."""


class Stream:
    """Bytes in the order in which an unpickler reads them. They come in pieces that are not kept."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._passed = 0  # bytes of the earlier pieces
        self._piece = b""
        self._at = 0

    @property
    def position(self) -> int:
        """The number of bytes that were read."""
        return self._passed + self._at

    def read(self, size: int) -> bytes:
        """Read the next `size` bytes. Raises Broken if there are fewer."""
        found = self._piece[self._at : self._at + size]
        self._at += len(found)
        while len(found) < size:
            self._next()
            more = self._piece[: size - len(found)]
            self._at = len(more)
            found += more
        return found

    def line(self) -> bytes:
        """Read the bytes up to the next line end, and skip the line end. The last line needs none."""
        found = b""
        while len(found) <= _LONGEST_LINE:
            end = self._piece.find(b"\n", self._at)
            if end >= 0:
                start, self._at = self._at, end + 1
                return found + self._piece[start:end]
            found += self._piece[self._at :]
            try:
                self._next()
            except Rejected:
                if not found:
                    raise
                return found
        raise Broken

    def skip(self, size: int) -> None:
        """Skip any number of bytes."""
        while size > (left := len(self._piece) - self._at):
            size -= left
            self._next()
        self._at += size

    def starts_pickle(self) -> bool:
        """Whether another pickle follows at once. Its first byte is not consumed."""
        try:
            self.read(1)
        except Broken:
            return False
        self._at -= 1
        return self._piece[self._at] == 0x80

    def _next(self) -> None:
        self._passed += len(self._piece)
        self._piece, self._at = next(self._pieces, b""), 0
        if not self._piece:
            raise Rejected
