"""The command line: the only part that echoes, and the only one that exits."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from contextlib import suppress


def main() -> None:
    """The `lading` command."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever interrupts an import needs no traceback of it
    gc.disable()  # a command is short, and what is long (training, scoring) runs in a process of its own
    from .run import run

    code = run(sys.argv[1:])
    if threading.active_count() > 1:  # a hook that hangs on, or threads that its library left, must not keep us here
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
