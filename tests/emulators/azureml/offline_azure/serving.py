"""A process that serves HTTP on a port of loopback, with its own folder and log."""

from __future__ import annotations

import http.client
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .kept import Kept

EVERY = 0.05  # seconds between two checks whether it responds
Response = tuple[int, list[tuple[str, str]], bytes]


class Ended(Exception):
    """The process has ended, and should serve."""


class Serving:
    """A process in its own folder. `start` runs it, and `stop` ends and removes it."""

    def __init__(self, parent: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="container-", dir=parent))
        self.port = _free_port()
        self._log = self.folder / "log.txt"
        self._process: Kept | None = None

    def start(self, argv: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        with self._log.open("wb") as log:
            self._process = Kept(argv, env, folder, log)

    def wait(self, path: str, seconds: float) -> None:
        """Wait until a GET of `path` has the status 200. Raises Ended, or TimeoutError after `seconds`."""
        end = time.monotonic() + seconds
        while not self._answers(path):
            if self._process is None or self._process.ended:
                raise Ended
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(EVERY)

    def ask(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str], *, seconds: float = 60
    ) -> Response:
        """The response of the process. Raises OSError if it does not respond."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self, path: str) -> bool:
        try:
            return self.ask("GET", path, b"", {})[0] == 200
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
