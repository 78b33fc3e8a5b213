"""`python -m offline_iothub.reaper ENGINE PREFIX`: when standard input ends, remove the containers of that name.

The emulator starts it beside the first device with containers, so that none outlives it, even where it is killed.
"""

from __future__ import annotations

import contextlib
import sys

from .engine import FAILURES, Engine


def main(engine: str, prefix: str) -> None:
    sys.stdin.read()
    with contextlib.suppress(*FAILURES):  # an engine that is gone has no containers
        Engine(engine).remove_all(prefix)


if __name__ == "__main__":
    main(*sys.argv[1:])
