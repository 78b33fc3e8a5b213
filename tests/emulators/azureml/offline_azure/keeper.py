"""Run a command in its own session. It ends when standard input ends, even if the parent is killed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

PATIENCE = 5.0  # seconds between the request to end and the kill


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
        os.killpg(child.pid, signal.SIGKILL)  # workers that outlived their parent
    sys.exit(code if code >= 0 else 128 - code)
