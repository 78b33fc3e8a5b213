"""One worker process as its supervisor sees it, and the log that it writes into."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from .owned import open_own
from .spec import ReleaseSpec

_LOG_LIMIT = 4 * 1024 * 1024
_LONGEST_LINE = 64 * 1024
_SHORTEST = 6  # characters of a value that is worth hiding


class Loop(Protocol):
    """What a worker process needs of the supervisor's loop."""

    lifeline: int

    def watch(self, fd: int, callback: Callable[[], None]) -> None: ...

    def unwatch(self, fd: int) -> None: ...


class Log:
    """A file that grows to a bound and then makes way: the older half stays beside it, as `NAME.1`.

    The values in `hidden`, by their names, are written as `${NAME}`.
    """

    def __init__(self, path: Path, hidden: Mapping[str, str]) -> None:
        self._path = path
        self._hidden = {value: f"${{{name}}}" for name, value in hidden.items() if len(value) >= _SHORTEST}
        self._line = b""
        self._open()

    def masked(self, text: str) -> str:
        """A text without the values that must not be seen."""
        for value in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(value, self._hidden[value])
        return text

    def write(self, data: bytes) -> None:
        """Write what is complete of the lines so far: a value may come in two parts."""
        if self._hidden:
            whole, feed, self._line = (self._line + data).rpartition(b"\n")
            if len(self._line) > _LONGEST_LINE:
                whole, feed, self._line = whole + feed + self._line, b"", b""
            data = self._masked(whole + feed)
        self._append(data)

    def _masked(self, data: bytes) -> bytes:
        return self.masked(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _append(self, data: bytes) -> None:
        with suppress(OSError):  # a full disk costs the log, not the service
            if self._size + len(data) > _LOG_LIMIT:
                self._path.replace(f"{self._path}.1")
                os.close(self._file)
                self._open()
            self._size += os.write(self._file, data)

    def close(self) -> None:
        self._append(self._masked(self._line))
        os.close(self._file)

    def _open(self) -> None:
        self._file = open_own(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._size = os.fstat(self._file).st_size


class Worker:
    """One worker process. `phase` is starting, ready, asked, accepting or killed.

    It gets the bytes of its spec, `data`, in an open file: the one that has the name may have been altered since.
    """

    def __init__(self, spec: ReleaseSpec, data: bytes, sockets: list[socket.socket], log: Log, loop: Loop) -> None:
        self.phase = "starting"
        self.was_ready = False
        self.failure = ""  # what it said before it gave up
        self.started = time.monotonic()
        self._log = log
        self._loop = loop
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        with theirs, os.fdopen(output, "wb") as stream, tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            handed = [file.fileno(), theirs.fileno(), loop.lifeline, *(sock.fileno() for sock in sockets)]
            self.process = subprocess.Popen(
                [spec.python, "-P", "-u", "-m", __package__ + ".worker", spec.folder, *map(str, handed)],
                cwd=spec.folder,
                env=spec.env,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                pass_fds=handed,
            )
        loop.watch(self._control.fileno(), self._listen)
        loop.watch(self._output, self._copy_output)

    @property
    def age(self) -> float:
        return time.monotonic() - self.started

    def accept(self) -> None:
        """Let it serve the public socket, too; it is `accepting` once it does."""
        self.phase = "asked"
        self._tell("accept")

    def leave(self, command: str) -> None:
        """`drain` (finish, and wait for silent clients for a moment) or `stop` (finish)."""
        if self.phase in {"asked", "accepting"}:
            self._tell(command)
        else:
            self.kill()  # nobody but the golden requests has ever asked it

    def kill(self) -> None:
        self.phase = "killed"
        self.process.kill()

    def has_ended(self) -> bool:
        """Whether the process is gone; if so, everything it said has been read."""
        if self.process.poll() is None:
            return False
        self._listen()
        for _ in range(16):  # more than a pipe holds; a child of the worker may still be writing
            self._copy_output()
        for fd in (self._control.fileno(), self._output):
            self._loop.unwatch(fd)
        self._control.close()
        os.close(self._output)
        return True

    def how_it_ended(self) -> str:
        if self.failure:
            return self.failure
        code = self.process.returncode
        if code >= 0:
            return f"a worker ended with exit code {code}"
        out_of_memory = "; it may have run out of memory" if -code == signal.SIGKILL else ""
        return f"a worker was killed by {signal.Signals(-code).name}{out_of_memory}"

    def _tell(self, command: str) -> None:
        with suppress(OSError):  # it has ended, and is buried soon
            self._control.send(f"{command} ".encode())

    def _listen(self) -> None:
        for news in self._read(self._control.fileno()).decode().splitlines():
            if news.startswith("failed: "):
                self.failure = self._log.masked(news.removeprefix("failed: "))
            elif self.phase != "killed":
                self.phase = news
                self.was_ready = True

    def _copy_output(self) -> None:
        self._log.write(self._read(self._output))

    def _read(self, fd: int) -> bytes:
        try:
            data = os.read(fd, 65536)
        except OSError:
            return b""
        if not data:
            self._loop.unwatch(fd)  # closed, and ready to be read for ever
        return data
