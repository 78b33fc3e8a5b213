"""Run commands: in their own session, with a time limit, and with an allow-list for the environment."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import Popen

# The variables that a child may inherit: locations and languages, but nothing that could be a credential.
_ALLOWED = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
)
_ALLOWED_PREFIXES = ("MKL_", "OMP_", "OPENBLAS_")


@dataclass(frozen=True)
class Command:
    """A command to run. `env` is the whole environment of the child; start from `child_environment()`.

    `stdin` is the input of the child. Pass secrets there, never in `argv` or in a file.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    stdin: str = ""


@dataclass(frozen=True)
class Finished:
    """The result of a command.

    `code` is negative for a signal, and None if the command was cancelled or stopped at its time limit. `tail` holds
    the last lines of stdout and stderr together.
    """

    code: int | None
    tail: tuple[str, ...]


def child_environment(names: Iterable[str] = (), **extra: str) -> dict[str, str]:
    """The environment of a child process: the allowed variables, the set variables in `names`, and `extra`."""
    wanted = {*_ALLOWED, *names}
    env = {name: value for name, value in os.environ.items() if name in wanted or name.startswith(_ALLOWED_PREFIXES)}
    return {**env, **extra}


def run_command(
    command: Command,
    *,
    timeout: float | None = None,
    on_line: Callable[[str], None] = lambda _line: None,
    cancelled: Callable[[], bool] = lambda: False,
    tail: int = 40,
) -> Finished:
    """Run a command to its end and return the result. A failure of the command does not raise.

    The child leads its own session. The whole session is killed after `timeout` seconds, or when `cancelled` returns
    True. Its stdin is a pipe that closes when this process dies, so that the child can notice it. `on_line` gets each
    line.
    """
    import subprocess
    import threading

    lines: deque[str] = deque(maxlen=tail)
    with subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=dict(command.env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        reader = threading.Thread(target=_read, args=(child, lines, on_line), daemon=True)
        reader.start()
        threading.Thread(target=_feed, args=(child, command.stdin.encode()), daemon=True).start()
        code = _wait(child, timeout, cancelled)
        kill_session(child.pid)  # remaining processes that the child started
        reader.join(timeout=5)
    return Finished(code, tuple(lines))


def _feed(child: Popen[str], data: bytes) -> None:
    assert child.stdin is not None
    with suppress(OSError, ValueError):  # the child may end before it has read all input
        while data:
            data = data[os.write(child.stdin.fileno(), data) :]


def _read(child: Popen[str], lines: deque[str], on_line: Callable[[str], None]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.append(line.rstrip("\n"))
        on_line(lines[-1])


def _wait(child: Popen[str], timeout: float | None, cancelled: Callable[[], bool]) -> int | None:
    import subprocess
    import time

    end = None if timeout is None else time.monotonic() + timeout
    try:
        while not cancelled() and (end is None or time.monotonic() < end):
            with suppress(subprocess.TimeoutExpired):
                return child.wait(timeout=0.1)
    except BaseException:
        kill_session(child.pid)
        raise
    kill_session(child.pid)
    child.wait()
    return None


def kill_session(pid: int) -> None:
    """Kill all processes in the session of `pid`, which is a child of this process."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
