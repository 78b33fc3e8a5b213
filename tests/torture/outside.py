"""The surroundings of a store: decoys in every folder above it, and a watch that reports access to them."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_HEAD = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_NON_BLOCKING = os.O_NONBLOCK | os.O_CLOEXEC
_EVENTS = {
    0x1: "read",
    0x2: "written",
    0x4: "written",
    0x20: "read",  # opened
    0x40: "removed",
    0x80: "written",  # moved here
    0x100: "written",  # created here
    0x200: "removed",
    0x400: "removed",
    0x800: "removed",
}
CANARY = b"nobody may read or change this\n"


@dataclass(frozen=True)
class Outside:
    """The folders around a project, `a/b/c`, with the project in the last one. Links lead to `prey`."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Outside:
        outside = cls(root)
        for folder in (outside.prey / "inner", outside.project):
            folder.mkdir(parents=True)
        for path in (*outside._levels(), outside.prey, outside.prey / "inner"):
            (path / "canary").write_bytes(CANARY)
        return outside

    @property
    def project(self) -> Path:
        return self.root / "a" / "b" / "c"

    @property
    def prey(self) -> Path:
        return self.root / "prey"

    @property
    def mark(self) -> Path:
        """The file that a planted script creates."""
        return self.root / "it-ran"

    def found(self) -> dict[str, tuple[object, ...]]:
        """Everything there with its state, except for the store. No file is opened, so the watch does not notice."""
        return {
            path: (status.st_mode, status.st_uid, status.st_size, status.st_mtime_ns, status.st_ino)
            for path, status in _walk(self.root, self.project / ".lading")
        }

    @contextmanager
    def watched(self) -> Iterator[set[str]]:
        """Yields a set that is filled at the end with the access to the prey, such as `read canary`."""
        done: set[str] = set()
        watch = _LIBC.inotify_init1(_NON_BLOCKING)
        try:
            paths = [self.prey, *self.prey.rglob("*")]
            names = {_LIBC.inotify_add_watch(watch, os.fsencode(path), sum(_EVENTS)): path for path in paths}
            yield done
            for number, what in _events(watch):
                done.add(f"{what} {names[number].relative_to(self.root)}")
        finally:
            os.close(watch)

    def _levels(self) -> list[Path]:
        return [self.root, self.root / "a", self.root / "a" / "b", self.project]


def _events(watch: int) -> Iterator[tuple[int, str]]:
    with suppress(BlockingIOError):
        while data := os.read(watch, 65536):
            while data:
                number, mask, _, length = _HEAD.unpack_from(data)
                data = data[_HEAD.size + length :]
                yield from ((number, what) for bit, what in _EVENTS.items() if mask & bit)


def _walk(folder: Path, apart: Path) -> Iterator[tuple[str, os.stat_result]]:
    for entry in os.scandir(folder):
        if entry.path != str(apart) and entry.name != "__pycache__":
            yield entry.path, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), apart)
