"""Locks that the kernel releases when their holder dies. The process id in a lock file is only for display."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ..errors import Locked
from .durable import make_folder, naming
from .guard import LOCKS, Guard
from .names import safe_name

CLEANING = "store"
"""The lock of the whole store. Working commands share it. Cleaning, repair and migration hold it exclusively."""

CLEANING_SECONDS = 30.0  # how long others wait for `clean`, which removes after it has released the lock
POLL_SECONDS = 0.05


class Holder(NamedTuple):
    """The process that holds a lock: its id, its command, and the time when it took the lock, in UTC."""

    pid: int
    command: str
    started: str

    def __str__(self) -> str:
        return f"'{self.command}' (pid {self.pid}, since {self.started})"


@contextmanager
def exclusive(guard: Guard, name: str, *, command: str, wait: float) -> Iterator[str | None]:
    """Hold a lock exclusively. Yields the last holder if that process died while it held the lock.

    After `wait` seconds, raises Locked with the holder in its message.
    """
    path, descriptor = _opened(guard, name)
    try:
        with naming(path):
            _wait_for(descriptor, name, wait, fcntl.LOCK_EX)
        try:
            dead = _enter(descriptor, path, command)
            yield dead and str(dead)
        finally:
            with suppress(OSError):  # without this, the next holder only gets a wrong report that this process died
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextmanager
def shared(guard: Guard, name: str, *, wait: float) -> Iterator[None]:
    """Share a lock with others, so that nobody can hold it exclusively meanwhile.

    After `wait` seconds, raises Locked with the exclusive holder in its message.
    """
    path, descriptor = _opened(guard, name)
    try:
        with naming(path):
            _wait_for(descriptor, name, wait, fcntl.LOCK_SH)
            if os.fstat(descriptor).st_size:  # the name of a dead holder, not to be reported again
                os.ftruncate(descriptor, 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def shared_to_read(guard: Guard, name: str, *, wait: float) -> Iterator[None]:
    """Like `shared`, but nothing is written. Without a lock file, nobody holds the lock, and none is created."""
    path = _path(guard, name)
    with naming(path):
        try:
            descriptor = guard.open(path, os.O_RDONLY)
        except FileNotFoundError:
            descriptor = -1
    if descriptor < 0:
        yield
        return
    try:
        with naming(path):
            _wait_for(descriptor, name, wait, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_folder(folder: Path) -> Iterator[int]:
    """Lock a folder and yield its descriptor. Raises OSError for a link."""
    with opened_folder(folder) as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield door


@contextmanager
def opened_folder(folder: str | Path, door: int | None = None) -> Iterator[int]:
    """Open a folder and yield its descriptor. `door` is the descriptor of its parent. Raises OSError for a link."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=door)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Try to lock an open file or folder. Returns False if another process holds the lock."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(guard: Guard, name: str) -> bool:
    """Whether nobody holds this lock."""
    with _tried(guard, name) as (is_ours, _descriptor):
        return is_ours


def holder(guard: Guard, name: str) -> Holder | None:
    """The process that holds this lock; None if nobody does."""
    with _tried(guard, name) as (is_ours, descriptor):
        return None if is_ours else _holder(descriptor)


@contextmanager
def _tried(guard: Guard, name: str) -> Iterator[tuple[bool, int]]:
    """Try a lock for a moment. Yields whether nobody held it, and the descriptor of its file; -1 if it has none."""
    try:
        descriptor = guard.open(_path(guard, name), os.O_RDONLY)
    except FileNotFoundError:
        yield True, -1
        return
    try:
        yield try_lock(descriptor, fcntl.LOCK_SH), descriptor
    finally:
        os.close(descriptor)


def _path(guard: Guard, name: str) -> Path:
    return guard.control(LOCKS, f"{safe_name(name)}.lock")


def _opened(guard: Guard, name: str) -> tuple[Path, int]:
    """Open the lock file of this name, and create it if necessary. Returns its path and descriptor."""
    path = _path(guard, name)
    with naming(path):
        make_folder(path.parent)
        return path, guard.open(path, os.O_RDWR | os.O_CREAT)


def _wait_for(descriptor: int, name: str, wait: float, kind: int) -> None:
    end = time.monotonic() + wait
    while not try_lock(descriptor, kind):
        if time.monotonic() >= end:
            raise Locked(
                f"'{name}' is locked by {_holder(descriptor) or 'another command'}",
                hint="wait until it has finished, or let this command wait with --lock-wait SECONDS",
            )
        time.sleep(POLL_SECONDS)


def _enter(descriptor: int, path: Path, command: str) -> Holder | None:
    dead = _holder(descriptor)
    ours = Holder(os.getpid(), command, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    with naming(path):
        os.fchmod(descriptor, 0o600)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(ours._asdict()).encode(), 0)
    return dead


def _holder(descriptor: int) -> Holder | None:
    """The holder that the lock file names. None if it names nobody yet."""
    try:
        return Holder(**json.loads(os.pread(descriptor, 65536, 0)))
    except (ValueError, TypeError):
        return None
