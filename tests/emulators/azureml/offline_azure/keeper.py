"""Runs a command in a session of its own and ends it when standard input ends, even where the parent was killed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

PATIENCE = 5.0  # seconds between asking it to end and ending it


def _stop(child: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 1):
        pass
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE)
            break


if __name__ == "__main__":
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_stop, args=(child,), daemon=True).start()
    code = child.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # workers that their master left behind
    sys.exit(code if code >= 0 else 128 - code)
