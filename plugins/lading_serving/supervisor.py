"""The supervisor: outlives the command that starts it, holds the public socket, keeps the desired releases running.

`python -m lading_serving.supervisor FOLDER` returns once a supervisor holds the lock of FOLDER, be it this one or one
that was there before. It leaves when nothing is desired, or on SIGTERM; either way its workers finish first.

It starts a release only after a command has handed it the sha256 of the release's spec: files alone start nothing.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .control import NOTHING, ControlFolder, Handed, State
from .listeners import Listeners
from .owned import Foreign, open_own
from .release import Release
from .spec import ReleaseSpec

_HAUNTED = 2.0  # seconds in which workers of a killed supervisor may still hold its port
_VIGIL = 10.0  # seconds between looks at whether the folder still exists: nobody could ever stop what has none


def main() -> None:
    folder = ControlFolder(Path(sys.argv[1]).resolve())
    lock = _acquire(folder)
    if lock is not None:
        earlier = folder.state()
        folder.write_state({"pid": 0, "port": earlier["port"], "releases": {}})  # what it says is not so any more
        held = _detach(folder)
        Supervisor(folder, earlier).run(lambda: os.close(held))


class Supervisor:
    """Compares what is desired with what is, and does the next thing, whenever something happens."""

    def __init__(self, folder: ControlFolder, earlier: State) -> None:
        self.listeners = Listeners(kept=earlier["port"])
        # Workers read the one end; the other closes with this process, however it dies.
        self.lifeline, self._held = os.pipe()
        self._folder = folder
        self._settled = time.monotonic() + (_HAUNTED if earlier["releases"] else 0)
        self._selector = selectors.DefaultSelector()
        self._releases: dict[int, Release] = {}
        self._terminated = False
        self._written: State | None = None
        self._desired = NOTHING
        self._awaited: set[int] = set()  # releases that begin once a command has handed over what they need
        self._handed: Handed = {"values": {}, "specs": {}}
        self._message = b""

    @property
    def is_settled(self) -> bool:
        return time.monotonic() >= self._settled

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def unwatch(self, fd: int) -> None:
        with suppress(KeyError):
            self._selector.unregister(fd)

    def run(self, on_listening: Callable[[], None]) -> None:
        """Look after the releases until none is left. What is sent to the FIFO after `on_listening` is not lost."""
        self._watch_signals()
        self._watch_fifo()
        self._read_desired()
        on_listening()
        while self._steer():
            for key, _ in self._selector.select(self._patience()):
                key.data()

    def _steer(self) -> bool:
        """Take every step that can be taken now; False once there is nothing left to look after."""
        if not self._folder.fifo.exists():
            self._terminated = True
        desired = NOTHING if self._terminated else self._desired
        self._awaited.clear()
        for release in self._releases.values():
            release.tend()
        self._bury()
        for number in (desired["serving"], desired["candidate"]):
            self._begin(number)
        self._switch(desired["serving"], desired["candidate"])
        self._bury()
        self._write_state()
        return bool(self._releases or self._awaited)

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
            # altered, or as another version wrote it; the next deploy reports or replaces it
            sys.stderr.write(f"release {number} cannot be read: {error!r}\n")
        else:
            self._begin_with_values(number, spec)

    def _begin_with_values(self, number: int, spec: ReleaseSpec) -> None:
        known = self._handed["values"]
        if not known.keys() >= set(spec.handed):
            self._awaited.add(number)
            return
        values = {name: known[name] for name in spec.handed}
        self._releases[number] = Release(spec, values, self._folder, self)
        self._releases[number].tend()

    def _switch(self, number: int | None, candidate: int | None) -> None:
        """Promote the release that should serve; the one before it leaves once this one accepts."""
        serving = self._releases.get(number) if number is not None else None
        if serving:
            serving.promote()
        for release in self._releases.values():
            if release.spec.number in {number, candidate}:
                continue
            if serving is None:
                release.retire("stop")
            elif serving.phase == "serving" or not release.is_promoted:
                release.retire("drain")

    def _bury(self) -> None:
        for number, release in list(self._releases.items()):
            if release.is_gone:
                release.close()
                del self._releases[number]
        self.listeners.keep_only([release.public for release in self._releases.values() if release.public])

    def _patience(self) -> float:
        due = min((release.next_due() for release in self._releases.values()), default=math.inf)
        return min(_VIGIL, max(0.0, due - time.monotonic()))

    def _write_state(self) -> None:
        releases = {str(number): release.state for number, release in self._releases.items()}
        state: State = {"pid": os.getpid(), "port": self.listeners.kept, "releases": releases}
        if state != self._written:
            with suppress(OSError):  # neither a full disk nor a removed folder ends what still serves
                self._folder.write_state(state)
                self._written = state

    def _watch_signals(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.watch(ours.fileno(), lambda: self._on_signals(ours))

    def _on_signals(self, wakeup: socket.socket) -> None:
        if not {signal.SIGTERM, signal.SIGINT}.isdisjoint(wakeup.recv(64)):
            self._terminated = True

    def _watch_fifo(self) -> None:
        self._folder.fifo.unlink(missing_ok=True)  # of an earlier supervisor, or planted with messages in it
        os.mkfifo(self._folder.fifo, 0o600)
        reader = os.open(self._folder.fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.open(self._folder.fifo, os.O_WRONLY | os.O_CLOEXEC)  # so that the last visitor's close is not the end
        self.watch(reader, lambda: self._on_wake(reader))

    def _on_wake(self, fifo: int) -> None:
        *messages, self._message = (self._message + os.read(fifo, 65536)).split(b"\n")
        for message in filter(None, messages):
            with suppress(ValueError):  # the command that sent it was killed over it
                self._handed = json.loads(message)
        self._read_desired()

    def _read_desired(self) -> None:
        try:
            self._desired = self._folder.desired() or NOTHING
        except Foreign as error:  # what was desired before holds
            sys.stderr.write(f"{error}\n")


def _acquire(folder: ControlFolder) -> int | None:
    for _ in range(5):  # whoever only looks whether it is held, holds it for an instant
        lock = folder.acquire()
        if lock is not None:
            return lock
        time.sleep(0.01)
    return None


def _detach(folder: ControlFolder) -> int:
    """Leave the command that started this: the child goes on with the lock, in a session of its own.

    The parent ends once the file that this returns is closed.
    """
    ready, held = os.pipe()
    if os.fork():
        os.close(held)
        os.read(ready, 1)  # a parent that ends sooner may take the child with it, being in one session still
        os._exit(0)
    os.close(ready)
    os.setsid()
    os.chdir(folder.path)
    null = os.open(os.devnull, os.O_RDONLY)
    log = open_own(folder.path / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for source, number in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, number)
    return held


if __name__ == "__main__":
    main()
