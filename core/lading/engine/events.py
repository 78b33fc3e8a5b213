"""What the engine tells: to whoever runs it, at once, and to the observers, beside the work."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ..errors import LadingError
from ..model import Event, Json

Sink = Callable[[Event], None]

_OBSERVERS_LIMIT = 10.0  # seconds that observers may still take once the command is done


class Events:
    """Emits events for one command. Secrets that were revealed to a plugin are masked in every text."""

    def __init__(self, service: str, sink: Sink) -> None:
        self._service = service
        self._sink = sink
        self._secrets: set[str] = set()
        self._observers: list[_Observer] = []

    def observe(self, observers: Sequence[tuple[str, Sink]]) -> None:
        """Deliver every further event to named observers too, each on a thread of its own."""
        self._observers = [_Observer(name, deliver) for name, deliver in observers]

    def hide(self, secret: str) -> None:
        """Mask this value in all that is emitted from now on."""
        if secret:
            self._secrets.add(secret)

    def emit(self, kind: str, *, stage: str = "", target: str = "", detail: str = "", **fields: Json) -> None:
        event = Event(kind, datetime.now(UTC), self._service, stage, target, self.masked(detail), fields)
        self._sink(event)
        for observer in self._observers:
            observer.tell(event)

    def masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def close(self) -> None:
        """Wait for the observers, and report those that failed."""
        observers, self._observers = self._observers, []
        for observer in observers:
            problem = observer.finish(_OBSERVERS_LIMIT)
            if problem:
                self.emit("warning", detail=f"observer '{observer.name}': {problem}")


class _Observer:
    """A thread that hands events to one observer; a slow or failing one disturbs nobody."""

    def __init__(self, name: str, deliver: Sink) -> None:
        self.name = name
        self._deliver = deliver
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._problem: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"observer-{name}", daemon=True)
        self._thread.start()

    def tell(self, event: Event) -> None:
        self._queue.put(event)

    def finish(self, limit: float) -> str | None:
        self._queue.put(None)
        self._thread.join(limit)
        return f"did not end within {limit:.0f} s" if self._thread.is_alive() else self._problem

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._deliver(event)
            except LadingError as error:
                self._problem = error.message
