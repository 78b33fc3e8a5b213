"""Commands as data, and the one runner: a session of its own, a time limit, an environment by allow-list."""

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

# What a child may see of our environment: where things are and how to speak, and nothing that could be a credential.
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

    `stdin` is what the child can read there at once; a secret belongs there, and neither in `argv` nor in a file.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    stdin: str = ""


@dataclass(frozen=True)
class Finished:
    """How a command ended. `code` is negative for a signal, None where it was stopped at its time limit or cancelled;
    `tail` holds its last lines, stdout and stderr together.
    """

    code: int | None
    tail: tuple[str, ...]


def child_environment(names: Iterable[str] = (), **extra: str) -> dict[str, str]:
    """The environment of a child process: an allow-list of ours, the variables in `names` that are set, and `extra`."""
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
    """Run a command to its end and return how it ended; it never raises for what the command does.

    The child leads a session of its own, all of which is killed at `timeout` (seconds) or once `cancelled` says so.
    Its stdin is a pipe that closes when this process dies: a child of ours watches it. `on_line` gets each line.
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
        kill_session(child.pid)  # what the child started and left behind
        reader.join(timeout=5)
    return Finished(code, tuple(lines))


def _feed(child: Popen[str], data: bytes) -> None:
    assert child.stdin is not None
    with suppress(OSError, ValueError):  # it has ended without reading all of it
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
    """Kill every process of the session that `pid`, a child of ours, leads."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
