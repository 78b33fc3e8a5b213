"""Run the conformance kit on a test module, like a plugin's author."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lading.testing.card import MARK


def kit(file: Path, **env: str) -> list[dict[str, str]]:
    """Run a test module, and return the kit's result of each check. A broken target leaves servers, which end here."""
    base = file.parent / "kit"
    argv = [sys.executable, "-m", "pytest", str(file), "-p", "lading.testing.report", "--capture=no", "-c", os.devnull]
    try:
        done = subprocess.run(
            [*argv, "--rootdir", str(file.parent), "--basetemp", str(base)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env},
            timeout=800,
            check=False,
        )
    finally:
        for pid in processes_in(base):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    found = [line.partition(MARK)[2] for line in done.stdout.splitlines() if MARK in line]
    assert found, done.stdout + done.stderr
    return [json.loads(line) for line in found]


def processes_in(folder: Path) -> Iterator[int]:
    """The processes whose command line names a file of a folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.fsencode(f"{folder}/") in (process / "cmdline").read_bytes():
                yield int(process.name)
