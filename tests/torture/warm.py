"""Run commands of a build quickly: each is forked from a process that has already imported the modules."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PROGRAM = Path(__file__).parent / "programs" / "warm.py"


class Ended(NamedTuple):
    """A command that ended. Its exit code is negative for a signal."""

    code: int
    out: str
    err: str


class Warm:
    """One such process. See the program `warm.py`. `modules` are imported first."""

    def __init__(self, python: Path, folder: Path, modules: Sequence[str]) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [python, PROGRAM, *modules],
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *argv: str, folder: Path, env: Mapping[str, str], seconds: int = 120, memory: int = 0) -> Ended:
        """Run one command with limits in seconds and, unless 0, in bytes of memory."""
        assert self._process.stdin
        assert self._process.stdout
        order = {"argv": argv, "folder": str(folder), "env": env, "output": str(self._folder)}
        self._process.stdin.write(json.dumps({**order, "seconds": seconds, "memory": memory}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        out, err = ((self._folder / name).read_text("utf-8", "replace") for name in ("out", "err"))
        return Ended(int(answer), out, err)

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
