"""Azurite, which npm installs into the environment on first use."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = "azurite@3.35.0"
FOLDER = Path(sys.prefix) / "share" / "azurite"
SCRIPT = FOLDER / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
DONE = FOLDER / ".done"


class Missing(Exception):
    """A required part of the machine is missing."""


def azurite() -> Path:
    """The script that starts the blob service. Raises Missing if it cannot be installed."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is missing: the offline azure keeps its blobs in azurite")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes start at the same time
        if not DONE.exists():
            _install()
    return SCRIPT


def _install() -> None:
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--omit=optional"]
    done = subprocess.run(
        ["npm", "install", "--prefix", FOLDER, *options, PACKAGE], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Missing(f"npm could not install {PACKAGE}: {done.stderr.strip()[-400:]}")
    DONE.touch()


if __name__ == "__main__":
    azurite()
