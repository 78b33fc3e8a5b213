"""Folders that last as long as one piece of work, and are swept away where a process died over it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .durable import make_folder, naming
from .locks import try_lock


@contextmanager
def scratch(tmp: Path) -> Iterator[Path]:
    """An empty private folder in `tmp`, removed afterwards; it is locked as long as it is in use."""
    import shutil

    with naming(tmp):
        folder, lock = _claim(make_folder(tmp))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def leftovers(tmp: Path) -> list[Path]:
    """The folders whose process died; the next `scratch` sweeps them away."""
    return [folder for folder in tmp.glob("*") if _is_left(folder)]


def _is_left(folder: Path) -> bool:
    with suppress(FileNotFoundError), _opened(folder) as lock:
        return try_lock(lock)
    return False


def _claim(tmp: Path) -> tuple[Path, int]:
    with _opened(tmp) as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # no other process sweeps between the creation and the lock
        _sweep(tmp)
        folder = tmp / os.urandom(8).hex()
        folder.mkdir(0o700)
        folder.chmod(0o700)
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return folder, lock


def _sweep(tmp: Path) -> None:
    import shutil

    for folder in tmp.iterdir():
        with suppress(FileNotFoundError), _opened(folder) as lock:  # its process may be removing it
            if try_lock(lock):
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
