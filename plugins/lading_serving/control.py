"""The control folder of a supervisor: the desired state, the actual state, and a lock that shows that it runs."""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from .owned import Foreign, check, open_own, read_own


class Desired(TypedDict):
    """The releases that should run, by number: one on the public port, and a candidate on a private port."""

    serving: int | None
    candidate: int | None


class ReleaseState(TypedDict):
    """The state of a release.

    `phase` is starting, ready, serving, draining or failed. `uri` is its private address and `public_uri` its public
    one. Both are empty until it listens. `restarts` counts the workers that were started again, `hung` those among them
    that were stuck, and `reason` has the last of their reasons. Of `workers`, `accepting` are up, and `slow` of these
    have been busy with one request for long. A supervisor of an earlier version does not write the last four.
    """

    phase: str
    uri: str
    public_uri: str
    reason: str
    restarts: int
    tags: dict[str, str]
    hung: NotRequired[int]
    workers: NotRequired[int]
    accepting: NotRequired[int]
    slow: NotRequired[int]


class State(TypedDict):
    """The last state from a supervisor. It is only valid while the lock is held. `port` is the chosen port, or 0."""

    pid: int
    port: int
    releases: dict[str, ReleaseState]


class Handed(TypedDict):
    """Data that a command sends directly to the supervisor, because it must not depend on a file.

    `values` are secret environment variables by name. `specs` has the SHA-256 of the spec of each release that may
    start.
    """

    values: dict[str, str]
    specs: dict[str, str]


NOTHING: Desired = {"serving": None, "candidate": None}

_KINDS = (
    (r"releases|environments|releases/\d+(-.*)?|environments/.*", stat.S_IFDIR),
    (r"wake", stat.S_IFIFO),
    (r"(desired|state|starts)\.json|lock|supervisor\.log|\.(desired|state|starts)\.json\.\d+", stat.S_IFREG),
    (r"releases/(\d+\.json|\.\d+\.json\.\d+|\d+\.log(\.1)?)", stat.S_IFREG),
)
"""The names in a service's folder, with the kind of file for each."""

_PHASES = {"starting", "ready", "serving", "draining", "failed"}
_URI = re.compile(r"(http://(\d+\.\d+\.\d+\.\d+|\[[^\[\]/@]+\]):\d+/score)?")


class ControlFolder:
    """The files of one service. Commands write `desired.json`, and the supervisor writes `state.json`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.releases = path / "releases"
        self.fifo = path / "wake"

    def check(self) -> None:
        """Raise Foreign if a known name belongs to a file that Lading did not create."""
        check(self.path, stat.S_IFDIR)
        for folder in (self.path, self.releases, self.path / "environments"):
            for path in folder.iterdir() if folder.exists() else ():
                name = path.relative_to(self.path).as_posix()
                for names, kind in _KINDS:
                    if re.fullmatch(names, name):
                        check(path, kind)

    def release(self, number: int) -> Path:
        """The folder of a release, or a new name for it. A new name is random, so a repository cannot contain it."""
        return next(iter(self.homes(number)), self.releases / f"{number}-{os.urandom(8).hex()}")

    def homes(self, number: int) -> list[Path]:
        """The folders of a release. There are several if a command was killed or somebody planted one."""
        return list(self.releases.glob(f"{number}-*"))

    def spec(self, number: int) -> Path:
        return self.releases / f"{number}.json"

    def log(self, number: int) -> Path:
        return self.releases / f"{number}.log"

    def desired(self) -> Desired | None:
        """The last desired state. None if there is none. Raises Foreign for any other content."""
        desired: Desired | None = read_json(self.path / "desired.json", _is_desired)
        return desired

    def desire(self, desired: Desired) -> None:
        """Write the desired state to the disk, and wake the supervisor if it runs."""
        write_json(self.path / "desired.json", desired)
        self.wake()

    def state(self) -> State:
        """The last state from the supervisor. Empty if there is none. Raises Foreign, like `desired`."""
        state: State | None = read_json(self.path / "state.json", _is_state)
        return state or {"pid": 0, "port": 0, "releases": {}}

    def write_state(self, state: State) -> None:
        write_json(self.path / "state.json", state, durable=False)

    def end_state(self) -> None:
        """Write that no release serves, because the supervisor has ended. Its lock is held until its workers end."""
        state = self.state()
        for release in state["releases"].values():
            release["phase"] = "draining"
        self.write_state(state)

    def is_supervised(self) -> bool:
        """Whether a supervisor runs. The kernel releases its lock when it ends for any reason."""
        try:
            lock = open_own(self.path / "lock", os.O_RDONLY)
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
        """Lock the folder. Returns an open file, or None if another process has the lock or has just removed it."""
        lock = open_own(self.path / "lock", os.O_RDWR | os.O_CREAT)
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), (self.path / "lock").stat()):
                return lock
        os.close(lock)
        return None

    @contextmanager
    def unsupervised(self) -> Iterator[bool]:
        """Prevent a supervisor from starting meanwhile, perhaps from a killed command.

        Yields False if one already runs.
        """
        lock = self.acquire()
        try:
            yield lock is not None
        finally:
            if lock is not None:
                os.close(lock)

    def wake(self) -> None:
        self._send(b"\n")

    def hand(self, handed: Handed) -> None:
        """Send a running supervisor the data that must not depend on a file, and wake it."""
        self._send(b"\n" + json.dumps(handed).encode() + b"\n")

    def _send(self, message: bytes) -> None:
        with suppress(OSError):  # there is no supervisor to wake
            fifo = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.set_blocking(fifo, True)
            try:
                while message:
                    message = message[os.write(fifo, message) :]
            finally:
                os.close(fifo)


def write_json(path: Path, content: object, *, durable: bool = True) -> None:
    """Replace a file by JSON in one step, with mode 0600. If `durable`, it is on the disk on return."""
    write_bytes(path, json.dumps(content).encode(), durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Like `write_json`, for bytes."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while content:
            content = content[os.write(file, content) :]
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


def read_json(path: Path, is_valid: Callable[[Any], bool]) -> Any:
    """Read a file from `write_json`. Returns None if it is missing, or if a power loss emptied it.

    Raises Foreign for any other content.
    """
    try:
        data = read_own(path)
        content = json.loads(data) if data.strip(b"\0") else None
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise Foreign(path, "is not what `lading` writes there") from None
    if content is not None and not is_valid(content):
        raise Foreign(path, "is not what `lading` writes there")
    return content


def _is_desired(content: Any) -> bool:
    return isinstance(content, dict) and all(
        content.get(key, "") is None or is_number(content.get(key)) for key in Desired.__annotations__
    )


def _is_state(content: Any) -> bool:
    if not isinstance(content, dict) or not (is_number(content.get("pid")) and is_number(content.get("port"))):
        return False
    releases = content.get("releases")
    return isinstance(releases, dict) and all(
        number.isdecimal() and _is_release_state(release) for number, release in releases.items()
    )


def _is_release_state(release: Any) -> bool:
    if not isinstance(release, dict) or not isinstance(release.get("tags"), dict):
        return False
    texts = [release.get(key) for key in ("phase", "uri", "public_uri", "reason")]
    return (
        all(isinstance(text, str) for text in texts)
        and release["phase"] in _PHASES
        and all(is_number(release.get(key, 0)) for key in ("restarts", "hung", "workers", "accepting", "slow"))
        and all(_URI.fullmatch(release[key]) for key in ("uri", "public_uri"))
    )


def is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31
