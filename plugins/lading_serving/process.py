"""A worker process from the supervisor's side, and its log."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from .lineage import die_with
from .logs import Output
from .owned import open_own
from .pulse import BEAT, Watch, memory_file, pulse_file, shared
from .reception import Reception
from .redaction import Redaction
from .shares import Shares
from .spec import ReleaseSpec
from .startup import scoring_timeout

_LOG_LIMIT = 4 * 1024 * 1024
_LONGEST_LINE = 64 * 1024
_GRACE = 2.0  # seconds after the time limit of `run` in which the worker can still answer the request itself
_SILENCE = 10.0  # seconds without a beat of an idle worker


class Loop(Protocol):
    """The parts of the supervisor's loop that a worker needs."""

    lifeline: int
    reception: Reception
    board_file: int
    shares: Shares

    def watch(self, fd: int, callback: Callable[[], None]) -> None: ...

    def unwatch(self, fd: int) -> None: ...


class Log:
    """A log file with a size limit. At the limit, it is renamed to `NAME.1` and a new file starts.

    Each value in `hidden`, and each of its lines, is written as `${NAME}`.
    """

    copied = True

    def __init__(self, path: Path, hidden: Mapping[str, str]) -> None:
        self._path = path
        self._hidden = Redaction(hidden)
        self._line = b""
        self._open()

    def masked(self, text: str) -> str:
        """The text with hidden values masked."""
        return self._hidden.masked(text)

    def write(self, data: bytes) -> None:
        """Write the complete lines. An incomplete line is kept, because a hidden value may arrive in two parts."""
        if self._hidden:
            whole, feed, self._line = (self._line + data).rpartition(b"\n")
            if len(self._line) > _LONGEST_LINE:
                whole, feed, self._line = whole + feed + self._line, b"", b""
            data = self._masked(whole + feed)
        self._append(data)

    def _masked(self, data: bytes) -> bytes:
        return self.masked(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _append(self, data: bytes) -> None:
        with suppress(OSError):  # a full disk must not stop the service
            if self._size + len(data) > _LOG_LIMIT:
                self._rotate()
            self._size += os.write(self._file, data)

    def _rotate(self) -> None:
        """Start a new file. If this fails, the descriptor of the earlier one stays open, so no other file gets it."""
        with suppress(FileNotFoundError):  # it was renamed when this failed before
            self._path.replace(f"{self._path}.1")
        full = self._file
        self._open()
        os.close(full)

    def close(self) -> None:
        self._append(self._masked(self._line))
        os.close(self._file)

    def _open(self) -> None:
        self._file = open_own(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._size = os.fstat(self._file).st_size


class Worker:
    """One worker process. `phase` is starting, ready, asked, accepting or killed.

    It leads its own process group, which is killed with it. It gets `data`, the bytes of its spec, in an open file,
    because the file with the spec's name may have changed.
    """

    def __init__(
        self, spec: ReleaseSpec, data: bytes, sockets: list[socket.socket], log: Output, loop: Loop, *, slot: int = 0
    ) -> None:
        self.slot = slot
        self.phase = "starting"
        self.was_ready = False
        self.failure = ""  # the reason that the worker reported before it ended
        self.started = time.monotonic()
        self._log = log
        self._loop = loop
        self._limit = scoring_timeout(spec.env) or math.inf  # 0 means no limit, as for an alarm
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)
        self._output, output = os.pipe()
        self._access, access = os.pipe()
        self._lines = b""  # the start of a line of the access log
        for fd in (self._output, self._access, access):
            os.set_blocking(fd, False)
        try:
            with (
                theirs,
                os.fdopen(output, "wb") as stream,
                os.fdopen(access, "wb", 0) as lines,
                memory_file(data) as file,
                pulse_file() as pulse,
            ):
                self._memory = shared(pulse.fileno())
                self._pulse = Watch(self._memory, self.started)
                handed = [file.fileno(), loop.lifeline, pulse.fileno()]
                handed += [loop.shares.file, loop.board_file, lines.fileno()]
                handed += [sock.fileno() for sock in (theirs, loop.reception.queue, *sockets)]
                self.process = _start(spec, slot, handed, stream if log.copied else None)
        except BaseException:
            self._close_files()
            raise
        loop.watch(self._control.fileno(), self._listen)
        loop.watch(self._output, self._copy_output)
        loop.watch(self._access, self._copy_access)

    @property
    def age(self) -> float:
        return time.monotonic() - self.started

    @property
    def is_served(self) -> bool:
        """Whether its loop runs, so that it has a pulse."""
        return self.phase in {"ready", "asked", "accepting"}

    def hang(self) -> str:
        """The reason why the worker counts as stuck. Empty if it does not."""
        pulse = self._pulse
        pulse.look(time.monotonic())
        if pulse.stuck < (self._limit + _GRACE if pulse.is_busy else _SILENCE):
            return ""
        if pulse.is_busy and (request := pulse.request_id):
            return f"the request {request} did not end within {self._limit:g} s"
        return f"a worker did not respond for {pulse.stuck:.0f} s"

    def is_stuck(self, seconds: float) -> bool:
        """Whether it is in one step, or stopped, since that time."""
        return self._pulse.stuck >= (seconds if self._pulse.is_busy else seconds + BEAT)

    def accept(self) -> None:
        """Ask the worker to serve the public socket too. It is `accepting` when it does."""
        self.phase = "asked"
        self._send_command("accept")

    def leave(self, command: str, *, is_used: bool) -> None:
        """Ask the worker to end: `drain` finishes and waits briefly for silent clients, `stop` only finishes.

        A worker that is not used, except for golden requests, is killed.
        """
        if is_used and self.is_served:
            self._send_command(command)
        else:
            self.kill()

    def kill(self) -> None:
        """Kill the worker and its process group."""
        self.phase = "killed"
        self._kill_group()

    def has_ended(self) -> bool:
        """Whether the process has ended. If so, all of its output has been read."""
        if self.process.poll() is None:
            return False
        self._kill_group()
        self._listen()
        for _ in range(16):  # more than a pipe holds; a child of the worker may still write
            self._copy_output()
            self._copy_access()
        for fd in (self._control.fileno(), self._output, self._access):
            self._loop.unwatch(fd)
        self._close_files()
        self._memory.close()
        return True

    def how_it_ended(self) -> str:
        return self.failure or ending(self.process.returncode)

    @property
    def reason(self) -> str:
        """The kind of its end, one of `REASONS`."""
        if self.failure:
            return "stuck"
        if self.process.returncode >= 0:
            return "exit"
        return "killed" if self.process.returncode == -signal.SIGKILL else "signal"

    def _close_files(self) -> None:
        self._control.close()
        os.close(self._output)
        os.close(self._access)

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # it is empty; macOS refuses a group of ended processes
            os.killpg(self.process.pid, signal.SIGKILL)

    def _send_command(self, command: str) -> None:
        with suppress(OSError):  # the worker has ended and is removed soon
            self._control.send(f"{command} ".encode())

    def _listen(self) -> None:
        for news in self._read(self._control.fileno()).decode(errors="replace").splitlines():
            if news.startswith("failed: "):
                self.failure = self._log.masked(news.removeprefix("failed: "))
            elif self.phase != "killed":
                self.phase = news
                self.was_ready = True

    def _copy_output(self) -> None:
        self._log.write(self._read(self._output))

    def _copy_access(self) -> None:
        """Copy whole lines, so that lines of other workers do not divide them."""
        whole, end, self._lines = (self._lines + self._read(self._access)).rpartition(b"\n")
        if end:
            self._log.write(whole + end)

    def _read(self, fd: int) -> bytes:
        try:
            data = os.read(fd, 65536)
        except OSError:
            return b""
        if not data:
            self._loop.unwatch(fd)  # a closed file would be readable for ever
        return data


def _start(spec: ReleaseSpec, slot: int, handed: list[int], output: IO[bytes] | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [spec.python, "-P", "-u", "-m", __package__ + ".worker", spec.folder, str(slot), *map(str, handed)],
        cwd=spec.folder,
        env=spec.env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=handed,
        process_group=0,
        preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509  # the supervisor has one thread
    )


def ending(code: int) -> str:
    """The end of a worker in words. A negative exit code is the number of the signal that killed it."""
    if code >= 0:
        return f"a worker ended with exit code {code}"
    out_of_memory = "; it may have run out of memory" if -code == signal.SIGKILL else ""
    return f"a worker was killed by {_signal_name(-code)}{out_of_memory}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # Python does not name most real-time signals
        return f"signal {number}"
