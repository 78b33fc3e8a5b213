"""The command line. No other part prints or exits the process."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from contextlib import suppress


def main() -> None:
    """The `lading` command."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback for an interrupt during imports
    gc.disable()  # a command is short, and long work (training, scoring) runs in separate processes
    from .run import run
    from .streams import guard_streams

    guard_streams()
    code = run(sys.argv[1:])
    if threading.active_count() > 1:  # exit even if a hook hangs or a library left threads running
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
