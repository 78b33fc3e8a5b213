"""Bytes in the order in which an unpickler takes them."""

from __future__ import annotations

from collections.abc import Iterator

_LONGEST_LINE = 1 << 16


class Broken(Exception):
    """The stream is no pickle, ends too early, or has more in it than is looked at."""


class Stream:
    """Bytes in the order in which an unpickler takes them, from pieces that are not kept."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """The next `size` bytes. Raises Broken where there are fewer."""
        found = self._piece[self._at : self._at + size]
        self._at += len(found)
        while len(found) < size:
            self._next()
            more = self._piece[: size - len(found)]
            self._at = len(more)
            found += more
        return found

    def line(self) -> bytes:
        """The bytes up to the next line end, which is passed over."""
        found = b""
        while len(found) <= _LONGEST_LINE:
            end = self._piece.find(b"\n", self._at)
            if end >= 0:
                start, self._at = self._at, end + 1
                return found + self._piece[start:end]
            found += self._piece[self._at :]
            self._next()
        raise Broken

    def skip(self, size: int) -> None:
        """Pass over bytes, however many."""
        while size > (left := len(self._piece) - self._at):
            size -= left
            self._next()
        self._at += size

    def starts_pickle(self) -> bool:
        """Whether a further pickle follows at once; its first byte is not passed over."""
        try:
            self.read(1)
        except Broken:
            return False
        self._at -= 1
        return self._piece[self._at] == 0x80

    def _next(self) -> None:
        self._piece, self._at = next(self._pieces, b""), 0
        if not self._piece:
            raise Broken
