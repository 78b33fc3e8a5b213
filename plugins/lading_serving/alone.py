"""A scoring server without a supervisor: one process, for a platform that restarts and replaces processes itself.

Only Python can interrupt its `run`: a call that holds the GIL, or takes every exception, goes on after its time limit,
and no health check is answered meanwhile. Processes that the script starts may outlive it. `lading_serving.foreground`
has these promises.

`python -m lading_serving.alone --host 0.0.0.0 --port 5001` reads `AML_APP_ROOT`, `AZUREML_ENTRY_SCRIPT`,
`AZUREML_MODEL_DIR` and `SCORING_TIMEOUT_MS` from the environment, like Azure ML's server.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable, Collection

from .access import access_log
from .contract import Contract
from .identity import identity
from .keys import guard_of
from .logs import log_error
from .recorder import Recorder, own_place
from .script import Script
from .server import Server
from .sink import sink
from .spec import Limits
from .startup import ended_by, entry_script, scoring_timeout, wake_on_signals
from .tls import tls_of
from .worker import FAILED


def serve(listener: socket.socket, on_ready: Callable[[], None] = lambda: None, hosts: Collection[str] = ()) -> None:
    """Load the scoring script, call `on_ready`, and serve on a listening socket until SIGTERM or SIGINT.

    `hosts` are names that clients may use besides the address and `localhost`. Raises any error, including SystemExit,
    from importing the script or from its `init()`.
    """
    guard, certificate = guard_of(os.environ), tls_of(os.environ)  # before the script, which could change these
    started = time.perf_counter()
    script = Script(entry_script(), scoring_timeout())
    script.init()
    limits = Limits()
    recorder = _recorder(time.perf_counter() - started)
    contract = Contract(script, os.environ, limits, guard=guard, recorder=recorder)
    server, signals = Server(recorder.recording(contract), limits, guard=guard, recorder=recorder), wake_on_signals()

    def end() -> None:
        if ended_by(signals):
            server.drain(0)

    server.call_when_readable(signals, end)
    listener.setblocking(False)
    server.accept_from(listener, names=hosts, certificate=certificate)
    on_ready()
    server.run()


def _recorder(loading: float) -> Recorder:
    known = identity(os.environ)
    recorder = Recorder(own_place(known), access_log(sink(sys.stderr.fileno()), os.environ, known["release"]))
    recorder.loaded(loading)
    return recorder


def main() -> None:
    """Serve with the arguments of the command line. Exits with 3 if the script cannot be started."""
    parser = argparse.ArgumentParser(prog="python -m lading_serving.alone")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--hosts", nargs="*", default=[], help="names that clients may call it by")
    given = parser.parse_args()
    listener = socket.create_server((given.host, given.port))
    try:
        serve(listener, hosts=given.hosts)
    except BaseException as error:  # a script may call sys.exit()
        log_error(error)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
