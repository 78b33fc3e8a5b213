"""The supervisor of a service: outlives the command that starts it, holds the public socket, runs the releases.

`python -m lading_serving.supervisor FOLDER` returns when a supervisor, new or already running, holds the lock of
FOLDER. The supervisor ends if no release is desired, or on SIGTERM. Its workers finish first. Its parent is its keeper,
which ends the workers if it is killed.

It starts a release only after a command has sent it the SHA-256 of the release's spec. Files alone start nothing.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from .control import NOTHING, ComparedState, ControlFolder, Desired, Handed, ReleaseState, State
from .keeper import fork_kept
from .leftovers import MARK, StillRunning, end_leftovers
from .lineage import end_others
from .owned import Foreign, open_own
from .process import Log
from .release import Release
from .runner import ORPHANS, Runner, tend
from .shares import SHARES, Canary
from .spec import ReleaseSpec

_SUMS_INTERVAL = 1.0  # seconds
_PORT_GRACE_PERIOD = 2.0  # seconds in which workers of a killed supervisor may still use its port


def main() -> None:
    folder = ControlFolder(Path(sys.argv[1]).resolve())
    lock = _acquire(folder)
    if lock is not None:
        try:
            end_leftovers(folder.path)
        except StillRunning as error:
            sys.exit(str(error))
        earlier = folder.state()
        folder.write_state({"pid": 0, "port": earlier["port"], "releases": {}})  # the earlier state ended
        held = _detach(folder)
        keeper = fork_kept(held, folder.end_state)
        supervisor = Supervisor(folder, earlier)
        supervisor.watch(keeper, _end_without_keeper)
        supervisor.run(lambda: os.close(held))


class Supervisor(Runner):
    """Compares the desired state with the actual state after each event, and takes the next step."""

    owns_session = True

    def __init__(self, folder: ControlFolder, earlier: State) -> None:
        super().__init__(kept=earlier["port"])
        self._folder = folder
        self._ports_are_free_at = time.monotonic() + (_PORT_GRACE_PERIOD if earlier["releases"] else 0)
        self._written: State | None = None
        self._desired = NOTHING
        self._awaited: set[int] = set()  # releases that wait for a command to send their data
        self._handed: Handed = {"values": {}, "specs": {}}
        self._message = b""
        self._sums: ComparedState | None = None
        self._sums_due = 0.0

    @property
    def is_settled(self) -> bool:
        return time.monotonic() >= self._ports_are_free_at

    def run(self, on_listening: Callable[[], None]) -> None:
        """Run until no release is left. Messages to the FIFO after `on_listening` are not lost."""
        self._watch_signals()
        self._watch_fifo()
        self._read_desired()
        on_listening()
        self._loop(self._reconcile)

    def _reconcile(self) -> bool:
        """Take all possible steps. Returns False if no release is left."""
        if not self._folder.fifo.exists():
            self._terminated = True
        desired = NOTHING if self._terminated else self._desired
        self._awaited.clear()
        self._tend()
        for number in (desired["serving"], desired["candidate"], desired["canary"]):
            self._begin(number)
        self.shares.set_canary(self._canary(desired))  # before the switch, so that a promoted canary gets no copies
        self._settle(desired["serving"], desired["candidate"], desired["canary"])
        self._write_state()
        return bool(self._releases or self._awaited)

    def _canary(self, desired: Desired) -> Canary | None:
        """The canary for the workers. It exists for them as soon as its release runs."""
        number = desired["canary"]
        if number is None or number not in self._releases:
            return None
        release = self._releases[number]
        return Canary(number, release.private_port, desired["weight"], desired["shadow"], release.is_reachable)

    def _begin(self, number: int | None) -> None:
        if number is None or number in self._releases or not self._folder.spec(number).exists():
            return
        sha256 = self._handed["specs"].get(str(number))
        if sha256 is None:
            self._awaited.add(number)
            return
        try:
            spec = ReleaseSpec.read(self._folder.spec(number), sha256)
        except (OSError, ValueError, TypeError, LookupError) as error:
            # the spec was altered, or another version wrote it; the next deploy reports or replaces it
            sys.stderr.write(f"release {number} cannot be read: {error!r}\n")
        else:
            self._begin_with_values(number, spec)

    def _begin_with_values(self, number: int, spec: ReleaseSpec) -> None:
        known = self._handed["values"]
        if not known.keys() >= set(spec.handed):
            self._awaited.add(number)
            return
        values = {name: known[name] for name in spec.handed}
        marked = replace(spec, env={**spec.env, MARK: str(self._folder.path)})
        self._releases[number] = Release(marked, values, Log(self._folder.log(number), values), self)
        tend(self._releases[number])

    def _write_state(self) -> None:
        releases = {str(number): self._with_share(number, release.state) for number, release in self._releases.items()}
        state: State = {"pid": os.getpid(), "port": self.listeners.kept, "releases": releases}
        if state != self._written:
            with suppress(OSError):  # a full disk or a removed folder must not stop a serving release
                self._folder.write_state(state)
                self._written = state

    def _with_share(self, number: int, state: ReleaseState) -> ReleaseState:
        desired, canary = self._desired, self.shares.canary
        if canary and number == canary.release:
            shared: ReleaseState = {**state, "weight": canary.weight, "shadow": canary.shadow}
            return {**shared, "compared": self._compared()} if canary.shadow else shared
        serves = number == desired["serving"] and not self._terminated
        return {**state, "weight": SHARES - (canary.weight if canary else 0) if serves else 0, "shadow": 0}

    def _compared(self) -> ComparedState:
        """The sums of the copies, read at most once a second, because the state is written when they change."""
        if self._sums is None or time.monotonic() >= self._sums_due:
            found = self.shares.compared()
            self._sums = {
                "requests": found.requests,
                "equal": found.equal,
                "old_seconds": found.old_seconds,
                "new_seconds": found.new_seconds,
                "outputs": [(output.values, output.total, output.largest) for output in found.outputs],
            }
            self._sums_due = time.monotonic() + _SUMS_INTERVAL
        return self._sums

    def _watch_fifo(self) -> None:
        self._folder.fifo.unlink(missing_ok=True)  # from an earlier supervisor, or planted with messages in it
        os.mkfifo(self._folder.fifo, 0o600)
        reader = os.open(self._folder.fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.open(self._folder.fifo, os.O_WRONLY | os.O_CLOEXEC)  # keeps the FIFO open when the last writer closes it
        self.watch(reader, lambda: self._on_wake(reader))

    def _on_wake(self, fifo: int) -> None:
        *messages, self._message = (self._message + os.read(fifo, 65536)).split(b"\n")
        for message in filter(None, messages):
            with suppress(ValueError):  # the sender was killed before it finished
                self._handed = json.loads(message)
        self._read_desired()

    def _read_desired(self) -> None:
        try:
            self._desired = self._folder.desired() or NOTHING
        except Foreign as error:  # the earlier desired state stays valid
            sys.stderr.write(f"{error}\n")


def _end_without_keeper() -> None:
    """End the service at once, because nobody else would end it completely if this process were killed."""
    sys.stderr.write("the keeper has ended, so the service ends\n")
    end_others((), ORPHANS, owns_session=True)
    os._exit(1)


def _acquire(folder: ControlFolder) -> int | None:
    for _ in range(5):  # a command that checks the lock holds it for an instant
        lock = folder.acquire()
        if lock is not None:
            return lock
        time.sleep(0.01)
    return None


def _detach(folder: ControlFolder) -> int:
    """Detach from the command that started this process. The child keeps the lock and leads its own session.

    The parent ends when the returned file is closed.
    """
    ready, held = os.pipe()
    if os.fork():
        os.close(held)
        os.read(ready, 1)  # the child is in the parent's session until then, and could be killed with it
        os._exit(0)
    os.close(ready)
    os.setsid()
    os.umask(0o077)  # also for the files of a scoring script, which lie below the folder of its release
    os.chdir(folder.path)
    null = os.open(os.devnull, os.O_RDONLY)
    log = open_own(folder.path / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for source, number in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, number)
    return held


if __name__ == "__main__":
    main()
