"""Work beside an attack: a well-behaved client, or other work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit


@dataclass
class Good:
    """A well-behaved client. `wrong` collects wrong responses."""

    uri: str
    asked: int = 0
    wrong: list[str] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.ends.is_set() and not self.wrong:
            with closing(HTTPConnection(urlsplit(self.uri).netloc, timeout=30)) as connection:
                for _ in range(50):
                    self._ask(connection)

    def _ask(self, connection: HTTPConnection) -> None:
        self.asked += 1
        try:
            connection.request("POST", "/score", f"[{self.asked}]", {"content-type": "application/json"})
            answer = connection.getresponse().read().decode()
        except (OSError, HTTPException) as error:
            answer = repr(error)
        if answer != f"[{self.asked}]":
            self.wrong.append(f"request {self.asked}: {answer[:300]}")
        self.ends.wait(0.005)


@contextmanager
def beside(work: Callable[[], None], ends: threading.Event) -> Iterator[None]:
    """Run work in the background until `ends` is set."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
