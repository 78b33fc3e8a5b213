"""One release from the supervisor's side: its sockets, its workers, and its next step."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from .board import IN_FLIGHT, PID, QUEUED, Board
from .control import ReleaseState
from .figures import begin, remember, restarted
from .identity import identity
from .listeners import Listeners, PortInUse, listen, scoring_uri
from .logs import Output
from .process import Loop, Worker
from .replies import recorder_of
from .spec import ReleaseSpec
from .tls import scheme_of, tls_of

if TYPE_CHECKING:
    from .certificate import Certificate
    from .recorder import Recorder

_LONGEST_PAUSE = 30.0
_BUSY_AFTER = 1.0  # seconds of one request; if all workers take longer, the supervisor answers health checks
_SLOW_AFTER = 5.0  # seconds of one request, after which `lading status` shows it
_LOOK_INTERVAL = 0.5  # seconds between two looks at the pulse of the workers
_STABLE_AFTER = 10.0  # seconds of running; if a worker ends later, it counts as a new problem


class Host(Loop, Protocol):
    """The parts of the supervisor that a release needs.

    `is_settled` means that workers of an earlier supervisor are gone.
    """

    listeners: Listeners
    board: Board

    @property
    def is_settled(self) -> bool: ...


class Release:
    """Keeps `workers` processes running. A release is a candidate until it is promoted; it ends once it is retired.

    If it stands beside the serving release, it serves on its private socket and is kept running too.
    """

    def __init__(self, spec: ReleaseSpec, values: Mapping[str, str], log: Output, host: Host) -> None:
        self.spec = replace(spec, env={**spec.env, **values})
        self._data = spec.to_bytes()  # without the secret values, because it is written to a file
        self.is_promoted = False
        self.is_beside = False
        self.has_served = False
        self.last_code = 0  # exit code of the worker that ended last
        self.public: socket.socket | None = None
        self.certificate: Certificate | None = None  # of the public socket, if it has TLS
        self._host = host
        self._log = log
        self._private: socket.socket | None = None
        self._workers: list[Worker] = []
        self._entry = host.board.add_release({**identity(spec.env), "release": spec.label})
        self._slots: list[int] = []  # of ended workers, for those that replace them
        begin(host.board, self._entry)
        self._failed = False
        self._reason = ""
        self._restarts = 0
        self._hung = 0
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
        if self.is_beside:
            return "ready" if self.is_reachable else "failed" if self._reason and not phases else "starting"
        if self._failed:
            return "failed"
        return "ready" if phases.count("ready") == self.spec.workers else "starting"

    @property
    def is_reachable(self) -> bool:
        """Whether a worker answers on the private socket."""
        return any(worker.is_served for worker in self._workers)

    @property
    def private_port(self) -> int:
        """The port of the private socket, or 0."""
        port: int = self._private.getsockname()[1] if self._private else 0
        return port

    @property
    def pids(self) -> frozenset[int]:
        """The pids of its workers."""
        return frozenset(worker.process.pid for worker in self._workers)

    @property
    def is_gone(self) -> bool:
        return self.retired and not self._workers

    @property
    def state(self) -> ReleaseState:
        used = "ready" if self.is_beside and not self.is_promoted else "accepting"
        return {
            "phase": self.phase,
            "uri": scoring_uri(self._private) if self._private else "",
            "public_uri": scoring_uri(self.public, scheme_of(self.spec.env)) if self.public else "",
            "reason": self._reason,
            "restarts": self._restarts,
            "hung": self._hung,
            "workers": self.spec.workers,
            "accepting": sum(worker.phase == used for worker in self._workers),
            "slow": sum(worker.phase == used and worker.is_stuck(_SLOW_AFTER) for worker in self._workers),
            "tags": self.spec.tags,
        }

    @cached_property
    def recorder(self) -> Recorder:
        """Records the requests that the supervisor answers in place of a worker."""
        return recorder_of(self.spec, self._host.board, self._entry, self._log)

    @property
    def is_attended(self) -> bool:
        """Whether a worker accepts and is free, or soon free."""
        free = any(worker.phase == "accepting" and not worker.is_stuck(_BUSY_AFTER) for worker in self._workers)
        return free and not self.retired

    @property
    def trouble_of_health(self) -> str:
        """The answer to a client if the release is not healthy. Empty while a worker is busy within its time limit.

        It has no reason, which may quote an error of the script or the request of another client.
        """
        return "" if any(worker.phase == "accepting" for worker in self._workers) else "no worker is ready"

    def tend(self) -> None:
        """Do all due steps: remove ended workers, kill late ones, start missing ones, and let ready ones accept."""
        for worker in list(self._workers):
            self._check_worker(worker)
        remember(self._host.board, self._entry, time.monotonic())
        self.has_served |= any(worker.phase == "accepting" for worker in self._workers)
        if time.monotonic() >= self._drain_end:
            self._kill()
        if not (self.retired or self._failed) and time.monotonic() >= self._due:
            self._start_missing()

    def stand_beside(self) -> None:
        """Keep the release running beside the serving one until it is promoted or retired."""
        if not self.is_beside:
            self.is_beside = True
            self._failed = False

    def promote(self) -> None:
        """Let the release serve the public socket until it is retired."""
        self.is_promoted = True
        self._failed = False
        for worker in self._workers:
            if worker.phase == "ready":
                worker.accept()

    def retire(self, command: str) -> None:
        """Ask the workers to end: `drain` or `stop`. They are killed after `drain_timeout`."""
        if command == self._farewell:
            return
        if not self.retired:
            self._drain_end = time.monotonic() + self.spec.limits.drain_timeout
        self._farewell = command
        for worker in self._workers:
            worker.leave(command, is_used=self.is_beside or worker.phase != "ready")

    def next_due(self) -> float:
        """The time of the next call of `tend`, on the monotonic clock."""
        ends = [worker.started + self.spec.start_timeout for worker in self._workers if worker.phase == "starting"]
        missing = not (self.retired or self._failed) and len(self._workers) < self.spec.workers
        draining = any(worker.phase != "killed" for worker in self._workers)
        watched = any(worker.is_served for worker in self._workers) and not self.retired
        look = time.monotonic() + _LOOK_INTERVAL if watched else math.inf
        return min([self._drain_end if draining else math.inf, self._due if missing else math.inf, look, *ends])

    def trouble(self, reason: str) -> None:
        """Record why the release does not start. A candidate then fails; a serving release is restarted later."""
        self._trouble(reason, fatal=not (self.is_promoted or self.is_beside))

    def close(self) -> None:
        self._host.board.remove_release(self._entry)
        self._log.close()
        if self._private:
            self._private.close()

    def _check_worker(self, worker: Worker) -> None:
        if worker.has_ended():
            self._workers.remove(worker)
            self._free(worker.slot)
            if not self._is_killed_for_another(worker):
                self._record(worker)
        elif worker.phase == "starting" and worker.age >= self.spec.start_timeout:
            worker.failure = f"init() did not end within {self.spec.start_timeout:g} s"
            worker.kill()
        elif worker.is_served and not self.retired and (reason := worker.hang()):
            self._hung += 1
            worker.failure = reason
            worker.kill()
        elif worker.phase == "ready" and self.is_promoted:
            worker.accept()

    def _is_killed_for_another(self, worker: Worker) -> bool:
        return worker.phase == "killed" and (self._failed or not worker.failure)

    def _record(self, worker: Worker) -> None:
        self.last_code = worker.process.returncode
        self._note(worker.how_it_ended())
        if not self.retired:
            self._recover(worker)

    def _recover(self, worker: Worker) -> None:
        if not worker.was_ready:
            self.trouble(worker.how_it_ended())
        else:
            self._restarts += 1
            restarted(self._host.board, self._entry, worker.reason)
            self._troubles *= worker.age < _STABLE_AFTER
            self._trouble(worker.how_it_ended(), fatal=False)

    def _trouble(self, reason: str, *, fatal: bool) -> None:
        self._reason = reason
        if fatal:
            self._failed = True
            self._kill()
        else:
            self._due = time.monotonic() + pause_after(self._troubles)
            self._troubles += 1

    def _start_missing(self) -> None:
        settled = self._host.is_settled  # once, because a failure to open a port takes time
        try:
            self._private = self._private or listen("127.0.0.1", 0)
            self.certificate = self.certificate or tls_of(self.spec.env)
            self.public = self.public or self._open_public(may_move=settled)
            sockets = [self._private, self.public]
            while len(self._workers) < self.spec.workers:
                self._workers.append(self._worker(sockets))
        except (PortInUse, OSError, ValueError) as error:
            if settled:
                self._note(str(error))
                self.trouble(str(error))
            else:
                self._due = time.monotonic() + 0.1

    def _free(self, slot: int) -> None:
        """Keep the slot of an ended worker, with its counts."""
        if slot:
            for gauge in (PID, IN_FLIGHT, QUEUED):
                self._host.board.numbers[slot + gauge] = 0
            self._slots.append(slot)

    def _worker(self, sockets: list[socket.socket]) -> Worker:
        slot = self._slots.pop() if self._slots else self._host.board.add_slot(self._entry)
        try:
            return Worker(self.spec, self._data, sockets, self._log, self._host, slot=slot)
        except BaseException:
            self._free(slot)
            raise

    def _open_public(self, *, may_move: bool) -> socket.socket:
        return self._host.listeners.public(self.spec.host, self.spec.port, may_move=may_move)

    def _kill(self) -> None:
        for worker in self._workers:
            worker.kill()

    def _note(self, message: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._log.write(f"{stamp} [supervisor] release {self.spec.number}: {message}\n".encode())


def pause_after(troubles: int) -> float:
    """Seconds before the next restart of workers after this number of failures in a row."""
    return min(_LONGEST_PAUSE, 0.1 * (1 << min(troubles, 10)))
