"""A worker process: checks the model, loads the scoring script, and serves it on inherited sockets.

`python -m lading_serving.worker FOLDER SLOT SPEC LIFELINE PULSE SHARES BOARD ACCESS CONTROL QUEUE PRIVATE PUBLIC`. The
last ten are inherited file descriptors. FOLDER only shows the release in process lists. SLOT is the worker's place on
the board. The worker reports `ready`, `accepting` or `failed: REASON` to its supervisor, and receives `accept`, `drain`
or `stop`.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

from .access import access_log
from .board import Board
from .logs import log, log_error
from .model import digest_of_model
from .pulse import Pulse, shared
from .recorder import Place, Recorder
from .shares import Shares
from .spec import ReleaseSpec
from .startup import ended_by, entry_script, scoring_timeout, wake_on_signals

FAILED = 3
"""Exit code if the script cannot be imported or `init()` fails, like Azure ML's server."""


def main() -> None:
    slot, spec, lifeline, pulse, shares, board, access, *sockets = map(int, sys.argv[2:])
    os.set_inheritable(shares, False)
    threading.Thread(target=_exit_with, args=(lifeline,), daemon=True).start()
    faulthandler.enable()
    with os.fdopen(spec, "rb") as file:
        data = file.read()
    memory = shared(pulse)
    os.close(pulse)
    turn = os.dup(board)
    place = _place(board, slot)
    os.set_inheritable(access, False)
    release = ReleaseSpec.from_bytes(data)
    recorder = Recorder(place, access_log(partial(os.write, access), os.environ, release.label))
    Worker(release, Pulse(memory), Shares(shares), recorder, Sockets(*map(_inherited, sockets)), turn=turn).work()


class Sockets(NamedTuple):
    """The sockets that a worker inherits."""

    control: socket.socket
    queue: socket.socket
    private: socket.socket
    public: socket.socket


class Worker:
    """One process of a release."""

    def __init__(
        self, spec: ReleaseSpec, pulse: Pulse, shares: Shares, recorder: Recorder, sockets: Sockets, *, turn: int
    ) -> None:
        self._spec = spec
        self._pulse = pulse
        self._shares = shares
        self._recorder = recorder
        self._turn = turn
        self._control, self._queue, self._private, self._public = sockets

    def work(self) -> None:
        from .contract import Contract
        from .keys import guard_of
        from .script import Script
        from .server import Server
        from .split import Split, unless_copied
        from .telemetry import telemetry_of
        from .tls import tls_of

        _raise_file_limit(self._spec.limits.max_connections)
        try:
            _check_model(self._spec)
            guard = guard_of(os.environ)  # before the script, which could change the environment
            self._certificate = tls_of(os.environ)
            telemetry = telemetry_of(os.environ, self._recorder, self._turn)
            started = time.perf_counter()
            script = Script(entry_script(), scoring_timeout())
            script.init()
        except BaseException as error:  # a script may call sys.exit()
            self._give_up(error)
        limits, pulse, recorder = self._spec.limits, self._pulse, self._recorder
        recorder.loaded(time.perf_counter() - started)
        contract = Contract(script, os.environ, limits, pulse, guard=guard, recorder=recorder)
        answer = recorder.recording(contract)
        if telemetry:
            answer = telemetry.tracing(answer)
        self._server = Server(unless_copied(answer, contract), limits, pulse, guard=guard, recorder=recorder)
        refuse = recorder.refusing(contract.refused)
        self._split = Split(answer, refuse, contract.scoring_paths, self._shares, self._server, mark=contract.mark)
        self._signals = wake_on_signals()
        self._server.call_when_readable(self._signals, self._terminate)
        self._server.call_when_readable(self._control, self._handle_commands)
        self._server.accept_from(self._private, self._spec.host, self._spec.hosts)
        self._report("ready")
        log(f"release {self._spec.number} is ready")
        self._server.run()
        if telemetry:
            telemetry.end()
        log(f"release {self._spec.number} has drained")

    def _give_up(self, error: BaseException) -> NoReturn:
        fix = log_error(error)
        detail = " ".join(str(error).split())
        self._report("failed: " + ": ".join(filter(None, (type(error).__name__, detail, fix))))
        sys.exit(FAILED)

    def _handle_commands(self) -> None:
        for command in self._control.recv(1024).decode().split():
            if command == "accept":
                self._server.accept_from(
                    self._public, self._spec.host, self._spec.hosts, self._split, self._certificate
                )
                self._server.take_from(self._queue, self._spec.hosts_at(self._public), self._split)
                self._report("accepting")
            elif command == "drain":
                self._server.drain(self._spec.limits.linger)
            elif command == "stop":
                self._server.drain(0)

    def _terminate(self) -> None:
        if ended_by(self._signals):
            log("terminated: draining")
            self._server.drain(0)

    def _report(self, news: str) -> None:
        with suppress(OSError):  # the supervisor is gone, and this process ends soon
            self._control.send(f"{news[:2000]}\n".encode())


def _exit_with(lifeline: int) -> None:
    """End this process with its supervisor, even during `run`. Nobody else could stop it."""
    os.read(lifeline, 1)
    os._exit(1)


def _place(board: int, slot: int) -> Place | None:
    """The worker's slot on the service's board. None if it has none there: then it counts for itself."""
    shared_board = Board.shared(board) if slot else None
    os.close(board)
    return Place(shared_board, slot) if shared_board else None


def _inherited(number: int) -> socket.socket:
    os.set_inheritable(number, False)
    sock = socket.socket(fileno=number)
    sock.setblocking(False)
    return sock


def _raise_file_limit(connections: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256 if hard == resource.RLIM_INFINITY else min(connections + 256, hard)
    if soft < wanted and soft != resource.RLIM_INFINITY:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _check_model(spec: ReleaseSpec) -> None:
    if not spec.model_sha256:
        return
    found = digest_of_model(Path(spec.model_file))
    if found != spec.model_sha256:
        raise ValueError(f"the model {spec.model_file} has sha256 {found}, not {spec.model_sha256} as registered")


if __name__ == "__main__":
    main()
