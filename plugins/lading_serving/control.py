"""The folder through which a supervisor is steered: what is desired, what is, and the lock that proves life."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypedDict


class Desired(TypedDict):
    """Which releases should run, by number: one behind the public port, one beside it on a port of its own."""

    serving: int | None
    candidate: int | None


class ReleaseState(TypedDict):
    """How a release does. `phase` is starting, ready, serving, draining or failed; `uri` is its private address and
    `public_uri` the one it serves at, both empty until it listens.
    """

    phase: str
    uri: str
    public_uri: str
    reason: str
    restarts: int
    tags: dict[str, str]


class State(TypedDict):
    """What a supervisor last wrote. It is true only while the lock is held; `port` is the one it picked, or 0."""

    pid: int
    port: int
    releases: dict[str, ReleaseState]


NOTHING: Desired = {"serving": None, "candidate": None}


class ControlFolder:
    """The files of one service. Whoever steers writes `desired.json`; the supervisor writes `state.json`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.releases = path / "releases"
        self.fifo = path / "wake"

    def release(self, number: int) -> Path:
        """The folder that a release is laid out in."""
        return self.releases / str(number)

    def spec(self, number: int) -> Path:
        return self.releases / f"{number}.json"

    def log(self, number: int) -> Path:
        return self.releases / f"{number}.log"

    def desired(self) -> Desired | None:
        """What was last desired; None where nothing ever was."""
        desired: Desired | None = _read(self.path / "desired.json")
        return desired

    def desire(self, desired: Desired) -> None:
        """Write down what is desired, durably, and wake the supervisor where there is one."""
        write_json(self.path / "desired.json", desired)
        self.wake()

    def state(self) -> State:
        """What the supervisor last wrote; without releases where none ever did."""
        state: State | None = _read(self.path / "state.json")
        return state or {"pid": 0, "port": 0, "releases": {}}

    def write_state(self, state: State) -> None:
        write_json(self.path / "state.json", state, durable=False)

    def is_supervised(self) -> bool:
        """Whether a supervisor lives: the kernel lets go of its lock when it dies, however it dies."""
        try:
            lock = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def acquire(self) -> int | None:
        """The lock, as an open file; None where another process has it, or has just removed it."""
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), (self.path / "lock").stat()):
                return lock
        os.close(lock)
        return None

    @contextmanager
    def unsupervised(self) -> Iterator[bool]:
        """Let no supervisor begin meanwhile: one of a killed command may be on its way. False where one lives."""
        lock = self.acquire()
        try:
            yield lock is not None
        finally:
            if lock is not None:
                os.close(lock)

    def wake(self) -> None:
        self._send(b"\n")

    def hand(self, values: Mapping[str, str]) -> None:
        """Give the supervisor, where there is one, the values that no file may hold, by name; it is woken too."""
        self._send(b"\n" + json.dumps(values).encode() + b"\n")

    def _send(self, message: bytes) -> None:
        with suppress(OSError):  # nobody reads: there is nobody to wake
            fifo = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.set_blocking(fifo, True)
            try:
                while message:
                    message = message[os.write(fifo, message) :]
            finally:
                os.close(fifo)


def write_json(path: Path, content: object, *, durable: bool = True) -> None:
    """Replace a file by JSON in one step; where `durable`, it is on the disk when this returns. Mode 0600."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, json.dumps(content).encode())
        if durable:
            os.fsync(file)
    finally:
        os.close(file)
    scratch.replace(path)
    if durable:
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
