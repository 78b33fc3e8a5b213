"""A scoring server without a supervisor: one process, for a platform that restarts and replaces processes by itself.

`python -m lading_serving.alone --host 0.0.0.0 --port 5001` reads `AML_APP_ROOT`, `AZUREML_ENTRY_SCRIPT`,
`AZUREML_MODEL_DIR` and `SCORING_TIMEOUT_MS` from the environment, as Azure ML's server does.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import traceback
from collections.abc import Callable, Collection

from .contract import Contract
from .script import Script
from .server import Server
from .spec import Limits
from .startup import ended_by, entry_script, scoring_timeout, wake_on_signals
from .worker import FAILED


def serve(listener: socket.socket, on_ready: Callable[[], None] = lambda: None, hosts: Collection[str] = ()) -> None:
    """Load the scoring script, call `on_ready`, and serve on a listening socket until SIGTERM or SIGINT.

    `hosts` are names that clients may call it by, besides its address and `localhost`.

    Raises whatever importing the script or its `init()` raises, SystemExit included.
    """
    script = Script(entry_script(), scoring_timeout())
    script.init()
    limits = Limits()
    server, signals = Server(Contract(script, os.environ, limits), limits), wake_on_signals()

    def end() -> None:
        if ended_by(signals):
            server.drain(0)

    server.call_when_readable(signals, end)
    listener.setblocking(False)
    server.accept_from(listener, names=hosts)
    on_ready()
    server.run()


def main() -> None:
    """Serve as the arguments say; ends with 3 where the script does not come up."""
    parser = argparse.ArgumentParser(prog="python -m lading_serving.alone")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--hosts", nargs="*", default=[], help="names that clients may call it by")
    given = parser.parse_args()
    listener = socket.create_server((given.host, given.port))
    try:
        serve(listener, hosts=given.hosts)
    except BaseException:  # a script may well call sys.exit()
        traceback.print_exc()
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
