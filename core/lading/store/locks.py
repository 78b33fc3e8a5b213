"""Locks that the kernel releases when their holder dies; a process id is only ever shown, never trusted."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from ..errors import Locked
from .durable import make_folder, naming
from .guard import LOCKS, Guard
from .names import safe_name

_POLL_SECONDS = 0.05


@contextmanager
def exclusive(guard: Guard, name: str, *, command: str, wait: float) -> Iterator[str | None]:
    """Hold the lock of that name; yields who held it last, if that process died holding it.

    Raises Locked, with the holder named, after `wait` seconds.
    """
    path, descriptor = _opened(guard, name)
    try:
        with naming(path):
            _wait_for(descriptor, name, wait, fcntl.LOCK_EX)
        try:
            yield _enter(descriptor, path, command)
        finally:
            with suppress(OSError):  # then the next holder is told that we died, and nothing else
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextmanager
def shared(guard: Guard, name: str, *, wait: float) -> Iterator[None]:
    """Hold the lock of that name together with others, so that nobody has it `exclusive` meanwhile.

    Raises Locked, with that holder named, after `wait` seconds.
    """
    path, descriptor = _opened(guard, name)
    try:
        with naming(path):
            _wait_for(descriptor, name, wait, fcntl.LOCK_SH)
            if os.fstat(descriptor).st_size:  # a holder that died wrote it, and nobody else is to be named so
                os.ftruncate(descriptor, 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def shared_to_read(guard: Guard, name: str, *, wait: float) -> Iterator[None]:
    """Like `shared`, but nothing is written: without a lock file nobody holds the lock, and none is made."""
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
    """The descriptor of a folder, locked; raises OSError for a link."""
    with opened_folder(folder) as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield door


@contextmanager
def opened_folder(folder: str | Path, door: int | None = None) -> Iterator[int]:
    """The descriptor of a folder, in the folder that `door` is open on; raises OSError for a link."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=door)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file or folder, unless another process has it locked."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(guard: Guard, name: str) -> bool:
    """Whether nobody holds the lock of that name."""
    try:
        descriptor = guard.open(_path(guard, name), os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


def _path(guard: Guard, name: str) -> Path:
    return guard.control(LOCKS, f"{safe_name(name)}.lock")


def _opened(guard: Guard, name: str) -> tuple[Path, int]:
    """The lock file of that name, which is made if need be, and its descriptor."""
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
        time.sleep(_POLL_SECONDS)


def _enter(descriptor: int, path: Path, command: str) -> str | None:
    dead = _holder(descriptor)
    ours = {"pid": os.getpid(), "command": command, "started": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}
    with naming(path):
        os.fchmod(descriptor, 0o600)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(ours).encode(), 0)
    return dead


def _holder(descriptor: int) -> str | None:
    """Who wrote itself into the lock file; None where nobody did, or is about to."""
    try:
        holder = json.loads(os.pread(descriptor, 65536, 0))
        return f"'{holder['command']}' (pid {holder['pid']}, since {holder['started']})"
    except (ValueError, LookupError, TypeError):
        return None
