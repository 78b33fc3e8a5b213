"""Run the conformance kit on a test module, like a plugin's author."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from lading.testing.card import MARK


def kit(file: Path, **env: str) -> list[dict[str, str]]:
    """Run a test module, and return the kit's result of each check."""
    argv = [sys.executable, "-m", "pytest", str(file), "-p", "lading.testing.report", "--capture=no", "-c", os.devnull]
    done = subprocess.run(
        [*argv, "--rootdir", str(file.parent)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env},
        timeout=800,
        check=False,
    )
    found = [line.partition(MARK)[2] for line in done.stdout.splitlines() if MARK in line]
    assert found, done.stdout + done.stderr
    return [json.loads(line) for line in found]
