"""The command line. No other part prints or exits the process."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
from typing import NoReturn


def main() -> NoReturn:
    """The `lading` command."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback for an interrupt during imports
    gc.disable()  # a command is short, and long work (training, scoring) runs in separate processes
    from .run import run
    from .streams import guard_streams

    guard_streams()
    _leave(run(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """End the process at once. Python would first free all objects, a tenth of the time of a short command."""
    from ..errors import LadingError
    from .failure import show

    if threading.active_count() == 1:  # a hook that hangs, or threads of a library, could stop the functions
        atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
        except LadingError as error:  # what a plugin has printed cannot be written
            show(error)
            code = error.exit_code
    os._exit(code)
