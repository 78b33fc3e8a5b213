"""A real browser without a window: Debian's Chromium, driven over a pipe by its own protocol."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

COMMAND = "exec chromium --headless --no-sandbox --disable-gpu --remote-debugging-pipe --user-data-dir='{}' 3<&{} 4>&{}"


class Browser:
    """One browser. Each message on its pipes ends with a NUL byte."""

    def __init__(self, commands: IO[bytes], results: IO[bytes]) -> None:
        self._commands = commands
        self._results = results
        self._number = 0
        self._rest = b""

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._commands.write(json.dumps({**message, **({"sessionId": session} if session else {})}).encode() + b"\0")
        while (answer := json.loads(self._message())).get("id") != self._number:
            pass  # an event
        assert "error" not in answer, answer
        found: dict[str, Any] = answer["result"]
        return found

    def open(self, address: str) -> Tab:
        target = self.call("Target.createTarget", url=address)["targetId"]
        return Tab(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])

    def _message(self) -> bytes:
        while b"\0" not in self._rest:
            more = self._results.read(65536)
            assert more, "the browser has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return message


class Tab:
    """One page of a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression. Raises AssertionError if it throws."""
        found = self._browser.call("Runtime.evaluate", self._session, expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with its profile in a folder."""
    (read, to), (answers, write) = os.pipe(), os.pipe()
    command = ["bash", "-c", COMMAND.format(folder, read, write)]
    with subprocess.Popen(command, pass_fds=(read, write), stderr=subprocess.DEVNULL) as process:
        os.close(read)
        os.close(write)
        with os.fdopen(to, "wb", buffering=0) as commands, os.fdopen(answers, "rb", buffering=0) as results:
            try:
                yield Browser(commands, results)
            finally:
                process.kill()
