"""`dying.py FOLDER TARGET EVENT [COMMAND [OPTIONS]]`: a command that ends like `kill -9` at its n-th change in FOLDER.

The command is a function of `lading`, by default `deploy`. OPTIONS are its other arguments, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import lading

CHANGES = {"os.mkdir", "os.rename", "os.link", "os.chmod", "os.remove", "os.rmdir", "subprocess.Popen"}


def die(home: Path, target: str, event: int, command: str = "deploy", options: str = "{}") -> None:
    left = [event]

    def count(name: str, arguments: tuple[Any, ...]) -> None:
        changes = name in CHANGES or (name == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if changes and any(str(home) in str(argument) for argument in arguments):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    getattr(lading, command)(home / "lading.yaml", target=target, store=home / ".lading", **json.loads(options))


if __name__ == "__main__":
    die(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
