"""The start of a process that serves a scoring script: its environment, and the signals to end."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def entry_script() -> Path:
    """The scoring script from the environment. Its folders are added to `sys.path`.

    Its own folder becomes the working directory, as on Azure, so that it can open the files beside it by their names.
    """
    for name in {"AML_APP_ROOT", "AZUREML_MODEL_DIR"} & os.environ.keys():
        os.environ[name] = str(Path(os.environ[name]).absolute())
    root = Path(os.environ["AML_APP_ROOT"])
    source = root / os.environ.get("AZUREML_SOURCE_DIRECTORY", "")
    sys.path += [str(root), str(source)]
    script = root / os.environ["AZUREML_ENTRY_SCRIPT"]
    with suppress(OSError):  # loading it reports what is wrong
        os.chdir(script.parent)
    return script


def scoring_timeout(env: Mapping[str, str] = os.environ) -> float:
    """The time limit of one call of `run`, in seconds."""
    return int(env.get("SCORING_TIMEOUT_MS", "3600000")) / 1000


def wake_on_signals() -> socket.socket:
    """A socket that becomes readable when this process receives a signal to end."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return ours


def ended_by(signals: socket.socket) -> bool:
    """Whether the wake-up was a signal to end. SIGALRM also wakes the process."""
    return not {signal.SIGTERM, signal.SIGINT}.isdisjoint(signals.recv(64))
