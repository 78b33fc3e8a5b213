"""The command line: the only part that echoes, and the only one that exits."""

from __future__ import annotations

import sys


def main() -> None:
    """The `lading` command."""
    from .run import run

    sys.exit(run(sys.argv[1:]))
