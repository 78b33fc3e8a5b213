"""What the engine tells: to whoever runs it, at once, and to the observers, beside the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ...base.redaction import Hidden
from ...model import Event, EventKind, Json

if TYPE_CHECKING:
    from .observer import Observer

Sink = Callable[[Event], None]

_OBSERVERS_LIMIT = 10.0  # seconds that observers may still take once the command is done


class Events:
    """Emits events for one command, without what is `hidden` in any of their texts.

    Only a `url` is told as it came: an address is of no use otherwise.
    """

    def __init__(self, service: str, sink: Sink) -> None:
        self._service = service
        self._sink = sink
        self._observers: list[Observer] = []
        self.hidden = Hidden()
        self.hide, self.masked = self.hidden.hide, self.hidden.masked

    def observe(self, observers: Sequence[Observer]) -> None:
        """Deliver every further event to observers too."""
        self._observers = list(observers)

    def emit(self, kind: EventKind, *, stage: str = "", target: str = "", detail: str = "", **fields: Json) -> None:
        shown = {name: value if name == "url" else self.masked(value) for name, value in fields.items()}
        event = Event(kind, datetime.now(UTC), self._service, stage, target, self.masked(detail), shown)
        self._sink(event)
        for observer in self._observers:
            observer.tell(event)

    def mask_failure(self, error: BaseException) -> None:
        """Mask a failure and what caused it, before whoever asked gets to see it."""
        from .failures import mask

        mask(error, self.masked)

    def close(self) -> None:
        """Wait for the observers, and report those that failed."""
        observers, self._observers = self._observers, []  # a warning about one goes to the sink alone
        end = time.monotonic() + _OBSERVERS_LIMIT
        for observer in observers:
            problem = observer.finish(max(0.0, end - time.monotonic()))
            if problem:
                self.emit("warning", detail=f"observer '{observer.name}': {problem}")
        self.hidden.close()
