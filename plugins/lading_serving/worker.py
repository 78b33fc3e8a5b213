"""A worker process: checks the model, loads the scoring script, and serves it on inherited sockets.

`python -m lading_serving.worker FOLDER SPEC LIFELINE PULSE CONTROL QUEUE PRIVATE PUBLIC`. The last seven are inherited
file descriptors. FOLDER only shows the release in process lists. The worker reports `ready`, `accepting` or
`failed: REASON` to its supervisor, and receives `accept`, `drain` or `stop`.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from .logs import log, log_error
from .model import digest_of_model
from .pulse import Pulse, shared
from .spec import ReleaseSpec
from .startup import ended_by, entry_script, scoring_timeout, wake_on_signals

FAILED = 3
"""Exit code if the script cannot be imported or `init()` fails, like Azure ML's server."""


def main() -> None:
    spec, lifeline, pulse, *sockets = map(int, sys.argv[2:])
    threading.Thread(target=_exit_with, args=(lifeline,), daemon=True).start()
    faulthandler.enable()
    with os.fdopen(spec, "rb") as file:
        data = file.read()
    memory = shared(pulse)
    os.close(pulse)
    Worker(ReleaseSpec.from_bytes(data), Pulse(memory), Sockets(*map(_inherited, sockets))).work()


class Sockets(NamedTuple):
    """The sockets that a worker inherits."""

    control: socket.socket
    queue: socket.socket
    private: socket.socket
    public: socket.socket


class Worker:
    """One process of a release."""

    def __init__(self, spec: ReleaseSpec, pulse: Pulse, sockets: Sockets) -> None:
        self._spec = spec
        self._pulse = pulse
        self._control, self._queue, self._private, self._public = sockets

    def work(self) -> None:
        from .contract import Contract
        from .script import Script
        from .server import Server

        _raise_file_limit(self._spec.limits.max_connections)
        try:
            _check_model(self._spec)
            script = Script(entry_script(), scoring_timeout())
            script.init()
        except BaseException as error:  # a script may call sys.exit()
            self._give_up(error)
        limits, pulse = self._spec.limits, self._pulse
        self._server = Server(Contract(script, os.environ, limits, pulse), limits, pulse)
        self._signals = wake_on_signals()
        self._server.call_when_readable(self._signals, self._terminate)
        self._server.call_when_readable(self._control, self._handle_commands)
        self._server.accept_from(self._private, self._spec.host, self._spec.hosts)
        self._report("ready")
        log(f"release {self._spec.number} is ready")
        self._server.run()
        log(f"release {self._spec.number} has drained")

    def _give_up(self, error: BaseException) -> NoReturn:
        fix = log_error(error)
        detail = " ".join(str(error).split())
        self._report("failed: " + ": ".join(filter(None, (type(error).__name__, detail, fix))))
        sys.exit(FAILED)

    def _handle_commands(self) -> None:
        for command in self._control.recv(1024).decode().split():
            if command == "accept":
                self._server.accept_from(self._public, self._spec.host, self._spec.hosts)
                self._server.take_from(self._queue, self._spec.hosts_at(self._public))
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
