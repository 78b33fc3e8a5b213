"""The control folder of a supervisor: the desired state, the actual state, and a lock that shows that it runs."""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from .json_files import is_number, read_json, write_json
from .owned import check, open_own


class Desired(TypedDict):
    """The releases that should run, by number: one on the public port, and two on private ports.

    A candidate gets only golden requests. The canary gets `weight` percent of the requests, and copies of `shadow`
    percent. An earlier version wrote no canary.
    """

    serving: int | None
    candidate: int | None
    canary: int | None
    weight: int
    shadow: int


class ComparedState(TypedDict):
    """Sums over the answers to copies: how many were equal, the seconds that both sides took, and the numeric outputs.

    Each output has the number of its values, and the sum and the largest of their relative differences.
    """

    requests: int
    equal: int
    old_seconds: float
    new_seconds: float
    outputs: list[tuple[int, float, float]]


class ReleaseState(TypedDict):
    """The state of a release.

    `phase` is starting, ready, serving, draining or failed. `uri` is its private address and `public_uri` its public
    one. Both are empty until it listens. `restarts` counts the workers that were started again, `hung` those among them
    that were stuck, and `reason` has the last of their reasons. Of `workers`, `accepting` are up, and `slow` of these
    have been busy with one request for long. `weight` and `shadow` are the percents of the requests and of the copies
    that it gets, and a release that gets copies has `compared`. A supervisor of an earlier version does not write the
    last seven.
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
    weight: NotRequired[int]
    shadow: NotRequired[int]
    compared: NotRequired[ComparedState]


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


NOTHING: Desired = {"serving": None, "candidate": None, "canary": None, "weight": 0, "shadow": 0}

_KINDS = (
    (r"releases|environments|releases/\d+(-.*)?|environments/.*", stat.S_IFDIR),
    (r"wake", stat.S_IFIFO),
    (r"(desired|state|starts|keys)\.json|lock|supervisor\.log|digests", stat.S_IFREG),
    (r"\.((desired|state|starts|keys)\.json|digests)\.\d+", stat.S_IFREG),
    (r"releases/(\d+\.json|\.\d+\.json\.\d+|\d+\.log(\.1)?)", stat.S_IFREG),
)
"""The names in a service's folder, with the kind of file for each."""

_PHASES = {"starting", "ready", "serving", "draining", "failed"}
_URIS = {
    name: re.compile(rf"({scheme}://(\d+\.\d+\.\d+\.\d+|\[[^\[\]/@]+\]):\d+/score)?")
    for name, scheme in (("uri", "http"), ("public_uri", "https?"))
}


class ControlFolder:
    """The files of one service. Commands write `desired.json`, and the supervisor writes `state.json`.

    Commands also write `digests`, from which the workers of a protected service know its keys.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.releases = path / "releases"
        self.fifo = path / "wake"
        self.digests = path / "digests"

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
        desired = read_json(self.path / "desired.json", _is_desired)
        return None if desired is None else {**NOTHING, **desired}

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


def _is_desired(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and all(content.get(key, "") is None or is_number(content.get(key)) for key in ("serving", "candidate"))
        and (content.get("canary") is None or is_number(content["canary"]))
        and _has_percents(content)
    )


def _has_percents(content: dict[str, Any]) -> bool:
    return all(is_number(content.get(key, 0)) and content.get(key, 0) <= 100 for key in ("weight", "shadow"))


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
        and _has_percents(release)
        and _is_compared(release.get("compared"))
        and all(pattern.fullmatch(release[key]) for key, pattern in _URIS.items())
    )


def _is_compared(content: Any) -> bool:
    if content is None:
        return True
    if not isinstance(content, dict) or not isinstance(content.get("outputs"), list):
        return False
    keys = ComparedState.__annotations__.keys() - {"outputs"}
    rows = [[content.get(key) for key in keys], *content["outputs"]]
    return all(isinstance(row, list) and all(type(value) in {int, float} for value in row) for row in rows) and all(
        len(row) == 3 for row in content["outputs"]
    )
