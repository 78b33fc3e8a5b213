"""The command line: the only part that echoes, and the only one that exits."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """The `lading` command."""
    gc.disable()  # a command is short, and what is long (training, scoring) runs in a process of its own
    from .run import run

    sys.exit(run(sys.argv[1:]))
