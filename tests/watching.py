"""Record the command lines of every process on the machine while a block runs (on Linux)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def command_lines(every: float) -> Iterator[set[str]]:
    """The command lines seen so far. The processes are read again after each interval in seconds."""
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(every):
            for process in Path("/proc").iterdir():
                try:
                    seen.add((process / "cmdline").read_bytes().decode(errors="replace"))
                except OSError:  # the process has ended
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()
