"""Remove the containers with a prefix when standard input ends: `python -m offline_iothub.reaper ENGINE PREFIX`.

The emulator starts it beside the first device with containers, so that no container outlives the emulator.
"""

from __future__ import annotations

import contextlib
import sys

from .engine import FAILURES, Engine


def main(engine: str, prefix: str) -> None:
    sys.stdin.read()
    with contextlib.suppress(*FAILURES):  # a missing engine has no containers
        Engine(engine).remove_all(prefix)


if __name__ == "__main__":
    main(*sys.argv[1:])
