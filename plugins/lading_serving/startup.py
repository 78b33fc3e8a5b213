"""What a process that serves a scoring script reads from its environment, and how it hears that it is to end."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path


def entry_script() -> Path:
    """The scoring script that the environment names, with its folders on the path."""
    root = Path(os.environ["AML_APP_ROOT"])
    source = root / os.environ.get("AZUREML_SOURCE_DIRECTORY", "")
    sys.path += [str(root), str(source)]
    return root / os.environ["AZUREML_ENTRY_SCRIPT"]


def scoring_timeout() -> float:
    """How long one call of `run` may take, in seconds."""
    return int(os.environ.get("SCORING_TIMEOUT_MS", "3600000")) / 1000


def wake_on_signals() -> socket.socket:
    """A socket that becomes readable when this process is asked to end."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return ours


def ended_by(signals: socket.socket) -> bool:
    """Whether what woke us is a signal to end; SIGALRM wakes us, too."""
    return not {signal.SIGTERM, signal.SIGINT}.isdisjoint(signals.recv(64))
