"""A service with a canary, and clients that count which release answers."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.plugins.serving.serving_kit import NAMED, Service
from tests.waiting import LIMIT, eventually

CHOICE = "x-lading-release"
JSON = {"content-type": "application/json"}
WAITING = """
    import os, time

    def init():
        pass

    def run(raw_data):
        open("asked", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        return "2"
"""


def serve_with_canary(service: Service, weight: int, script: str = NAMED, workers: int = 1, **more: Any) -> str:
    """Let release 1 serve, with release 2 as its canary. Returns the address of the service."""
    uri = service.serve(1, NAMED, {"SERVICE_VERSION": "1"}, workers=workers)
    service.add(2, script, {"SERVICE_VERSION": "2"}, **more)
    service.desire(serving=1, candidate=2)
    service.until(2, "ready")
    shift(service, weight)
    return uri


def shift(service: Service, weight: int, shadow: int = 0) -> None:
    """Change the share of the canary, and wait until the workers know it."""
    service.desire(serving=1, canary=2, weight=weight, shadow=shadow)
    until_shifted(service, weight, shadow)
    # A candidate has no share either, and counts no worker that accepts.
    eventually(lambda: (release := service.release(2)) and release.get("accepting"), "the canary is beside")


def until_shifted(service: Service, weight: int, shadow: int = 0, number: int = 2) -> None:
    def is_shifted() -> bool:
        release = service.release(number)
        return release is not None and (release.get("weight"), release.get("shadow")) == (weight, shadow)

    eventually(is_shifted, f"the canary has the weight {weight}")


def post(connection: http.client.HTTPConnection, headers: dict[str, str] | None = None) -> tuple[int, Any, str]:
    """The status, the content and the release of an answer."""
    connection.request("POST", "/score", b"{}", {**JSON, **(headers or {})})
    response = connection.getresponse()
    return response.status, json.loads(response.read()), response.headers.get(CHOICE, "")


@contextmanager
def client(uri: str) -> Iterator[http.client.HTTPConnection]:
    """A client that keeps its connection."""
    with closing(http.client.HTTPConnection(urlsplit(uri).netloc, timeout=LIMIT)) as connection:
        yield connection


class Crowd:
    """Clients that send requests at the same time and keep their connections."""

    def __init__(self, uri: str, clients: int) -> None:
        self.seen: Counter[str] = Counter()
        self._uri = uri
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(clients)]
        self._left: int | None = None
        self._lock = threading.Lock()

    def send(self, requests: int) -> Counter[str]:
        """Send that many requests, and return how many had each answer."""
        self._left = requests
        self.start()
        for thread in self._threads:
            thread.join()
        return self.seen

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> Counter[str]:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.seen

    def _send(self) -> None:
        with client(self._uri) as connection:
            while self._goes_on():
                try:
                    status, content, _release = post(connection)
                    found = f"{status} {content}"
                except (OSError, http.client.HTTPException) as error:
                    found = repr(error)
                    connection.close()
                with self._lock:
                    self.seen[found] += 1

    def _goes_on(self) -> bool:
        with self._lock:
            if self._left is not None:
                self._left -= 1
                return self._left >= 0
        return not self._stop.is_set()
