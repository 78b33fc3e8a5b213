"""Processes that end with the emulator. See `keeper`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

KEEPER = Path(__file__).with_name("keeper.py")


class Kept:
    """A command in its own session, with all processes that it starts."""

    def __init__(
        self, argv: Sequence[str | Path], env: Mapping[str, str], folder: Path, output: int | IO[bytes]
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", KEEPER, *argv],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a signal to the emulator's group must not reach its keepers
        )

    @property
    def output(self) -> IO[bytes]:
        """The output of the command, if a pipe was requested."""
        if self._process.stdout is None:
            raise OSError("the output goes elsewhere")
        return self._process.stdout

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """End the command. Returns when all of its processes have ended."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
