"""A worker process: checks the model, loads the scoring script, and serves it on the sockets it was handed.

`python -m lading_serving.worker FOLDER SPEC CONTROL LIFELINE PRIVATE PUBLIC`; the last five are inherited file
descriptors. FOLDER shows people which release this is.
It tells its supervisor `ready`, `accepting` or `failed: REASON`, and is told `accept`, `drain` or `stop`.
"""

from __future__ import annotations

import faulthandler
import hashlib
import os
import resource
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from .logs import log
from .spec import ReleaseSpec
from .startup import ended_by, entry_script, scoring_timeout, wake_on_signals

FAILED = 3
"""Exit code where the script cannot be imported or `init()` fails, as Azure ML's server has it."""


def main() -> None:
    spec, control, lifeline, private, public = map(int, sys.argv[2:])
    threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    faulthandler.enable()
    with os.fdopen(spec, "rb") as file:
        data = file.read()
    Worker(ReleaseSpec.from_bytes(data), *map(_inherited, (control, private, public))).work()


class Worker:
    """One process of a release."""

    def __init__(
        self, spec: ReleaseSpec, control: socket.socket, private: socket.socket, public: socket.socket
    ) -> None:
        self._spec = spec
        self._control = control
        self._private = private
        self._public = public

    def work(self) -> None:
        from .contract import Contract
        from .script import Script
        from .server import Server

        _raise_file_limit(self._spec.limits.max_connections)
        try:
            _check_model(self._spec)
            script = Script(entry_script(), scoring_timeout())
            script.init()
        except BaseException as error:  # a script may well call sys.exit()
            self._give_up(error)
        self._server = Server(Contract(script, os.environ, self._spec.limits), self._spec.limits)
        self._signals = wake_on_signals()
        self._server.call_when_readable(self._signals, self._terminate)
        self._server.call_when_readable(self._control, self._obey)
        self._server.accept_from(self._private, self._spec.host, self._spec.hosts)
        self._tell("ready")
        log(f"release {self._spec.number} is ready")
        self._server.run()
        log(f"release {self._spec.number} has drained")

    def _give_up(self, error: BaseException) -> NoReturn:
        traceback.print_exception(error)
        detail = " ".join(str(error).split())
        self._tell(f"failed: {type(error).__name__}: {detail}" if detail else f"failed: {type(error).__name__}")
        sys.exit(FAILED)

    def _obey(self) -> None:
        for command in self._control.recv(1024).decode().split():
            if command == "accept":
                self._server.accept_from(self._public, self._spec.host, self._spec.hosts)
                self._tell("accepting")
            elif command == "drain":
                self._server.drain(self._spec.limits.linger)
            elif command == "stop":
                self._server.drain(0)

    def _terminate(self) -> None:
        if ended_by(self._signals):
            log("terminated: draining")
            self._server.drain(0)

    def _tell(self, news: str) -> None:
        with suppress(OSError):  # the supervisor is gone, and this process with it in a moment
            self._control.send(f"{news[:2000]}\n".encode())


def _die_with(lifeline: int) -> None:
    """End this process with its supervisor, whatever `run` is doing: nobody else would ever stop it."""
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
    with Path(spec.model_file).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != spec.model_sha256:
        raise ValueError(f"the model {spec.model_file} has sha256 {found}, not {spec.model_sha256} as registered")


if __name__ == "__main__":
    main()
