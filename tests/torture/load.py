"""Load on a service: wrk, which requests the salary over 64 connections until it is stopped."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 64
LONGEST = 900  # seconds, because wrk needs a limit
PATIENCE = 20  # seconds after which a response counts as missing


@dataclass
class Load:
    """The result. `unanswered` were refused, cut off or too late. `wrong` are not a 200 or have another salary."""

    answered: int = 0
    wrong: int = 0
    unanswered: int = 0

    @property
    def asked(self) -> int:
        return self.answered + self.unanswered


@contextmanager
def loaded(uri: str) -> Iterator[Load]:
    """Apply load during the block. The counts are available afterwards. Raises RuntimeError if wrk does not start."""
    script = Path(__file__).with_name("programs") / "salary.lua"
    options = [f"-c{CONNECTIONS}", f"-d{LONGEST}s", "--timeout", f"{PATIENCE}s", "-s", str(script)]
    argv = ["nice", "-n", "19", "wrk", "-t1", *options, uri]  # the commands under this load need CPU time too
    load = Load()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as wrk:
        try:
            yield load
            wrk.send_signal(signal.SIGINT)
            printed, _ = wrk.communicate(timeout=2 * PATIENCE)
        finally:
            wrk.kill()
    if wrk.returncode != 0:
        raise RuntimeError(f"wrk ended with {wrk.returncode}: {printed}")
    vars(load).update(json.loads(printed.splitlines()[-1]))
