"""One release as its supervisor sees it: its sockets, its workers, and what to do next."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from .control import ControlFolder, ReleaseState
from .listeners import Listeners, PortInUse, listen, scoring_uri
from .process import Log, Loop, Worker
from .spec import ReleaseSpec

_LONGEST_PAUSE = 30.0
_STEADY = 10.0  # seconds of life after which a worker's end is a new trouble, not the same one again


class Host(Loop, Protocol):
    """What a release needs of its supervisor; `is_settled` once an earlier one's workers must be gone."""

    listeners: Listeners

    @property
    def is_settled(self) -> bool: ...


class Release:
    """Keeps `workers` processes running. It is a candidate until it is promoted, and leaves once it is retired."""

    def __init__(self, spec: ReleaseSpec, values: Mapping[str, str], folder: ControlFolder, host: Host) -> None:
        self.spec = replace(spec, env={**spec.env, **values})
        self._data = spec.to_bytes()  # without the values, for a file gets it
        self.is_promoted = False
        self.public: socket.socket | None = None
        self._host = host
        self._log = Log(folder.log(spec.number), values)
        self._private: socket.socket | None = None
        self._workers: list[Worker] = []
        self._failed = False
        self._reason = ""
        self._restarts = 0
        self._troubles = 0
        self._due = 0.0
        self._drain_end = math.inf
        self._farewell = ""

    @property
    def retired(self) -> bool:
        return self._farewell != ""

    @property
    def phase(self) -> str:
        if self.retired:
            return "draining"
        phases = [worker.phase for worker in self._workers]
        if self.is_promoted:
            if "accepting" in phases:
                return "serving"
            return "failed" if self._reason and not phases else "starting"
        if self._failed:
            return "failed"
        return "ready" if phases.count("ready") == self.spec.workers else "starting"

    @property
    def is_gone(self) -> bool:
        return self.retired and not self._workers

    @property
    def state(self) -> ReleaseState:
        return {
            "phase": self.phase,
            "uri": scoring_uri(self._private) if self._private else "",
            "public_uri": scoring_uri(self.public) if self.public else "",
            "reason": self._reason,
            "restarts": self._restarts,
            "tags": self.spec.tags,
        }

    def tend(self) -> None:
        """Do what is due: bury the dead, stop the late, start the missing, let the ready accept."""
        for worker in list(self._workers):
            self._look_after(worker)
        if time.monotonic() >= self._drain_end:
            self._kill()
        if not (self.retired or self._failed) and time.monotonic() >= self._due:
            self._start_missing()

    def promote(self) -> None:
        """Let it serve the public socket, from now on and for as long as it is not retired."""
        self.is_promoted = True
        self._failed = False
        for worker in self._workers:
            if worker.phase == "ready":
                worker.accept()

    def retire(self, command: str) -> None:
        """Let its workers go: `drain` or `stop`. What takes longer than `drain_timeout` is cut off."""
        if command == self._farewell:
            return
        if not self.retired:
            self._drain_end = time.monotonic() + self.spec.limits.drain_timeout
        self._farewell = command
        for worker in self._workers:
            worker.leave(command)

    def next_due(self) -> float:
        """When `tend` is next needed, by the monotonic clock."""
        ends = [worker.started + self.spec.start_timeout for worker in self._workers if worker.phase == "starting"]
        missing = not (self.retired or self._failed) and len(self._workers) < self.spec.workers
        draining = any(worker.phase != "killed" for worker in self._workers)
        return min([self._drain_end if draining else math.inf, self._due if missing else math.inf, *ends])

    def close(self) -> None:
        self._log.close()
        if self._private:
            self._private.close()

    def _look_after(self, worker: Worker) -> None:
        if worker.has_ended():
            self._workers.remove(worker)
            self._note(worker.how_it_ended())
            if not self.retired:
                self._recover(worker)
        elif worker.phase == "starting" and worker.age >= self.spec.start_timeout:
            worker.failure = f"init() did not end within {self.spec.start_timeout:g} s"
            worker.kill()
        elif worker.phase == "ready" and self.is_promoted:
            worker.accept()

    def _recover(self, worker: Worker) -> None:
        if not worker.was_ready:
            self._trouble(worker.how_it_ended(), fatal=not self.is_promoted)
        else:
            self._restarts += 1
            self._troubles *= worker.age < _STEADY
            self._trouble(worker.how_it_ended(), fatal=False)

    def _trouble(self, reason: str, *, fatal: bool) -> None:
        self._reason = reason
        if fatal:
            self._failed = True
            self._kill()
        else:
            self._due = time.monotonic() + min(_LONGEST_PAUSE, 0.1 * 2**self._troubles)
            self._troubles += 1

    def _start_missing(self) -> None:
        try:
            self._private = self._private or listen("127.0.0.1", 0)
            self.public = self.public or self._open_public()
            sockets = [self._private, self.public]
            while len(self._workers) < self.spec.workers:
                self._workers.append(Worker(self.spec, self._data, sockets, self._log, self._host))
        except (PortInUse, OSError) as error:
            if self._host.is_settled:
                self._note(str(error))
                self._trouble(str(error), fatal=not self.is_promoted)
            else:
                self._due = time.monotonic() + 0.1

    def _open_public(self) -> socket.socket:
        return self._host.listeners.public(self.spec.host, self.spec.port, may_move=self._host.is_settled)

    def _kill(self) -> None:
        for worker in self._workers:
            worker.kill()

    def _note(self, message: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._log.write(f"{stamp} [supervisor] release {self.spec.number}: {message}\n".encode())
