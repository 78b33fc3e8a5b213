"""`dying.py FOLDER TARGET EVENT [COMMAND]`: one command that ends like `kill -9` before its n-th change in FOLDER.

The command is a function of `lading`, by default `deploy`.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import lading

CHANGES = {"os.mkdir", "os.rename", "os.link", "os.chmod", "os.remove", "os.rmdir", "subprocess.Popen"}


def die(home: Path, target: str, event: int, command: str = "deploy") -> None:
    left = [event]

    def count(name: str, arguments: tuple[Any, ...]) -> None:
        changes = name in CHANGES or (name == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if changes and any(str(home) in str(argument) for argument in arguments):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    getattr(lading, command)(home / "lading.yaml", target=target, store=home / ".lading")


if __name__ == "__main__":
    die(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
