"""The keeper of a supervisor: its parent, which ends everything that belongs to the service when the supervisor ends.

It holds the lock of the service's folder too. So the lock is free only when nothing of the service is left.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from .lineage import adopt, end_others

_LIMIT = 10.0  # seconds to end the rest; a process in the kernel cannot be killed


def fork_kept(held_by_child: int, on_end: Callable[[], None]) -> int:
    """Become a keeper, and return in its child, with a file that becomes readable when the keeper ends.

    The keeper closes the file `held_by_child`. It calls `on_end` when the child has ended, and then ends the rest. It
    does not return.
    """
    adopt()
    lifeline, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        os.setpgid(0, 0)
        return lifeline
    os.close(lifeline)
    os.close(held_by_child)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: _forward(child, received))
    return _keep(child, on_end)


def _forward(child: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, number)


def _keep(child: int, on_end: Callable[[], None]) -> NoReturn:
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    with suppress(OSError):  # the folder may be gone, and the disk may be full
        on_end()
    left = end_others((), _LIMIT, owns_session=True)
    if code < 0:
        sys.stderr.write(f"the supervisor was killed by signal {-code}; all processes of the service were ended\n")
    if left:
        sys.stderr.write(f"these processes could not be ended: {left}\n")
    sys.stderr.flush()
    os._exit(max(code, 0))
