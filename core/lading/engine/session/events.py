"""Events of the engine. The caller receives them at once; the observers receive them in their own threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ...base.redaction import Hidden
from ...model import Event, EventKind, Json

if TYPE_CHECKING:
    from .observer import Observer

Sink = Callable[[Event], None]

_PROGRESS_INTERVAL = 1.0  # seconds between two events of progress that say the same
_OBSERVERS_LIMIT = 10.0  # seconds that observers may take after the command is done


@dataclass(frozen=True)
class Emitter:
    """Emits events that all have the same stage and target."""

    events: Events
    stage: str
    target: str

    def __call__(self, kind: EventKind, *, detail: str = "", **fields: Json) -> None:
        self.events.emit(kind, stage=self.stage, target=self.target, detail=detail, **fields)


@dataclass
class _Progress:
    """The last progress of a stage: when it was first emitted, and when it was emitted last."""

    said: tuple[str, dict[str, Json]]
    began: float
    emitted: float


class Events:
    """Emits the events of one command, with secrets redacted in all texts.

    Only a `url` is not redacted, because a redacted address is useless. Progress that repeats the last text is emitted
    once a second, with the field `elapsed`: a target can be asked ten times a second. `clock` is in seconds.
    """

    def __init__(self, service: str, sink: Sink, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._sink = sink
        self._clock = clock
        self._progress: dict[tuple[str, str], _Progress] = {}
        self._observers: list[Observer] = []
        self.hidden = Hidden()
        self.hide, self.redacted = self.hidden.hide, self.hidden.redacted

    def observe(self, observers: Sequence[Observer]) -> None:
        """Deliver all later events to observers too."""
        self._observers = list(observers)

    def emit(self, kind: EventKind, *, stage: str = "", target: str = "", detail: str = "", **fields: Json) -> None:
        if kind == "progress":
            elapsed = self._elapsed((stage, target), (detail, dict(fields)))
            if elapsed is None:
                return
            fields |= {"elapsed": round(elapsed, 1)} if elapsed else {}
        elif kind != "warning":
            self._progress.pop((stage, target), None)  # a stage that starts again has new phases
        shown = {name: value if name == "url" else self.redacted(value) for name, value in fields.items()}
        event = Event(
            kind=kind,
            at=datetime.now(UTC),
            service=self._service,
            stage=stage,
            target=target,
            detail=self.redacted(detail),
            fields=shown,
        )
        self._sink(event)
        for observer in self._observers:
            observer.receive(event)

    def _elapsed(self, place: tuple[str, str], said: tuple[str, dict[str, Json]]) -> float | None:
        """Seconds since a stage first said this; 0 for something new, and None if it was emitted a moment ago."""
        now, last = self._clock(), self._progress.get(place)
        if last is None or last.said != said:
            self._progress[place] = _Progress(said, began=now, emitted=now)
            return 0.0
        if now - last.emitted < _PROGRESS_INTERVAL:
            return None
        last.emitted = now
        return now - last.began

    def of(self, stage: str, target: str = "") -> Emitter:
        """An emitter for the events of one stage, and of one target if the stage runs for each target."""
        return Emitter(self, stage, target)

    def redact_failure(self, error: BaseException) -> None:
        """Redact the secrets in a failure and its causes, before the caller receives it."""
        from .failures import redact

        redact(error, self.redacted)

    def close(self) -> None:
        """Wait for the observers, and warn of those that failed."""
        observers, self._observers = self._observers, []  # a warning about an observer goes only to the sink
        end = time.monotonic() + _OBSERVERS_LIMIT
        for observer in observers:
            problem = observer.finish(max(0.0, end - time.monotonic()))
            if problem:
                self.emit("warning", detail=f"observer '{observer.name}': {problem}")
        self.hidden.close()
