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
from .durable import naming

_POLL_SECONDS = 0.05


@contextmanager
def exclusive(path: Path, *, name: str, command: str, wait: float) -> Iterator[str | None]:
    """Hold the lock file `path`; yields who held it last, where that process died holding it.

    Raises Locked, with the holder named, after `wait` seconds.
    """
    with naming(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
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
def shared(path: Path, *, name: str, wait: float) -> Iterator[None]:
    """Hold the lock file `path` together with others, so that nobody has it `exclusive` meanwhile.

    Raises Locked, with that holder named, after `wait` seconds.
    """
    with naming(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with naming(path):
            _wait_for(descriptor, name, wait, fcntl.LOCK_SH)
            if os.fstat(descriptor).st_size:  # a holder that died wrote it, and nobody else is to be named so
                os.ftruncate(descriptor, 0)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file or folder, unless another process has it locked."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock file `path`; it need not exist."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


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
