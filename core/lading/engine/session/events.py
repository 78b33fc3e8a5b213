"""Events of the engine. The caller receives them at once; the observers receive them in their own threads."""

from __future__ import annotations

import math
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

_PROGRESS_INTERVAL = 1.0  # seconds between two events of progress of the same phase
_QUICK_PHASES = 5.0  # limit of phases that may follow each other faster
_OBSERVERS_LIMIT = 10.0  # seconds that observers may take after the command is done


class Emitter:
    """Emits events that all have the same stage and target."""

    def __init__(self, events: Events, stage: str, target: str) -> None:
        self.stage = stage
        self._events = events
        self._target = target

    def __call__(self, kind: EventKind, *, detail: str = "", **fields: Json) -> None:
        self._events.emit(kind, stage=self.stage, target=self._target, detail=detail, **fields)


@dataclass
class _Progress:
    """The progress of a stage: when the stage began, and the last emitted text with its time."""

    began: float
    said: tuple[str, dict[str, Json]] = ("", {})
    emitted: float = -math.inf
    quick: float = _QUICK_PHASES

    def is_due(self, said: tuple[str, dict[str, Json]], now: float) -> bool:
        """Whether a text is new and not too early. One that is too early is due when the stage repeats it."""
        since = now - self.emitted
        quick = min(_QUICK_PHASES, self.quick + since)
        same_phase = said[1].get("phase") == self.said[1].get("phase")
        if said == self.said or (since if same_phase else quick) < _PROGRESS_INTERVAL:
            return False
        self.said, self.emitted, self.quick = said, now, max(0.0, quick - 1)
        return True


class Events:
    """Emits the events of one command, with secrets redacted in all texts.

    Only a `url` is not redacted, because a redacted address is useless. Progress is emitted if it changes, at most once
    a second, because a target can be asked ten times a second. Only a few phases may follow each other faster. An
    address is emitted once. The field `elapsed` has the seconds since the stage began. `clock` is in seconds.
    """

    def __init__(self, service: str, sink: Sink, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._sink = sink
        self._clock = clock
        self._progress: dict[tuple[str, str], _Progress] = {}
        self._addresses: set[Json] = set()
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
            fields["elapsed"] = round(elapsed, 1)
        elif kind != "warning":  # a stage that starts again has new phases
            self._progress[stage, target] = _Progress(self._clock())
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
        """Seconds since a stage began; None for progress that is not emitted now."""
        now, url = self._clock(), said[1].get("url")
        progress = self._progress.setdefault(place, _Progress(now))
        if url and url not in self._addresses:
            self._addresses.add(url)
            return now - progress.began
        return None if url or not progress.is_due(said, now) else now - progress.began

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
