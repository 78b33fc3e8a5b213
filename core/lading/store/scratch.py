"""Temporary folders for one piece of work. If the process dies, a later command removes them.

Removal works on descriptors and does not follow links. It only takes names of the form that Lading creates.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .durable import make_folder, naming
from .guard import TMP, Guard
from .locks import locked_folder, opened_folder, try_lock

_OURS = r"[0-9a-f]{16}"


@contextmanager
def scratch(guard: Guard) -> Iterator[Path]:
    """An empty private folder in the store, removed afterwards. It is locked while it is in use."""
    tmp = guard.folder(TMP)
    with naming(tmp):
        name, lock = _claim(make_folder(tmp))
    try:
        yield tmp / name
    finally:
        remove(tmp, name)
        os.close(lock)


def leftovers(guard: Guard) -> list[Path]:
    """The folders whose process died. The next `scratch` removes them."""
    tmp = guard.folder(TMP)
    with suppress(FileNotFoundError), opened_folder(tmp) as door:
        return [tmp / name for name in _ours(door) if _is_left(name, door)]
    return []


def remove(parent: Path, name: str) -> None:
    """Remove a folder with its content, as far as possible. Links are not followed."""
    import shutil

    with suppress(OSError), opened_folder(parent) as door:
        shutil.rmtree(name, ignore_errors=True, dir_fd=door)


def _ours(door: int) -> list[str]:
    return [name for name in os.listdir(door) if re.fullmatch(_OURS, name)]


def _is_left(name: str, door: int) -> bool:
    with suppress(OSError), opened_folder(name, door) as lock:  # its process may be removing it, or it is not a folder
        return try_lock(lock)
    return False


def _claim(tmp: Path) -> tuple[str, int]:
    with locked_folder(tmp) as door:  # no other process can remove the folder between its creation and its lock
        _sweep(door)
        name = os.urandom(8).hex()
        os.mkdir(name, 0o700, dir_fd=door)
        os.chmod(name, 0o700, dir_fd=door)
        lock = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=door)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return name, lock


def _sweep(door: int) -> None:
    import shutil

    for name in _ours(door):
        with (
            suppress(OSError),
            opened_folder(name, door) as lock,
        ):  # its process may be removing it, or it is not a folder
            if try_lock(lock):
                shutil.rmtree(name, ignore_errors=True, dir_fd=door)
