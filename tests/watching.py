"""The command lines of every process on the machine while something goes on (on Linux)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def command_lines(every: float) -> Iterator[set[str]]:
    """The command lines that were seen so far, with a look each so many seconds."""
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(every):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(file.read_bytes().decode(errors="replace"))
                except OSError:  # it has ended
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()
