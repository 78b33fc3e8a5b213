"""What the engine tells: to whoever runs it, at once, and to the observers, beside the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from ..model import Event, Json

if TYPE_CHECKING:
    from .observer import Observer

Sink = Callable[[Event], None]

Masked = TypeVar("Masked")

_SHORTEST = 6  # characters: to mask `1` or `true` would hide nothing and garble all
_OBSERVERS_LIMIT = 10.0  # seconds that observers may still take once the command is done


class Events:
    """Emits events for one command.

    Secrets that were revealed to a plugin are masked in every text, and the values of variables are shown as `${NAME}`.
    Only a `url` is told as it came: an address is of no use otherwise.
    """

    def __init__(self, service: str, sink: Sink) -> None:
        self._service = service
        self._sink = sink
        self._hidden: dict[str, str] = {}
        self._observers: list[Observer] = []

    def observe(self, observers: Sequence[Observer]) -> None:
        """Deliver every further event to observers too."""
        self._observers = list(observers)

    def hide(self, secret: str) -> None:
        """Mask this value in all that is emitted from now on."""
        if secret:
            self._hidden[secret] = "***"

    def hide_variables(self, variables: Mapping[str, str]) -> None:
        """Show the values of variables as the manifest refers to them; one that is too short to be a secret stays."""
        for name, value in variables.items():
            if len(value) >= _SHORTEST:
                self._hidden.setdefault(value, f"${{{name}}}")

    def emit(self, kind: str, *, stage: str = "", target: str = "", detail: str = "", **fields: Json) -> None:
        shown = {name: value if name == "url" else self.masked(value) for name, value in fields.items()}
        event = Event(kind, datetime.now(UTC), self._service, stage, target, self.masked(detail), shown)
        self._sink(event)
        for observer in self._observers:
            observer.tell(event)

    def masked(self, value: Masked) -> Masked:
        """A text, or JSON with texts in it, without what must be hidden."""
        if not self._hidden:
            return value
        if isinstance(value, str):
            for secret in sorted(self._hidden, key=len, reverse=True):
                value = value.replace(secret, self._hidden[secret])  # type: ignore[assignment]
        elif isinstance(value, Mapping):
            return {name: self.masked(item) for name, item in value.items()}  # type: ignore[return-value]
        elif isinstance(value, list | tuple):
            return type(value)(map(self.masked, value))  # type: ignore[return-value]
        return value

    def mask_failure(self, error: BaseException) -> None:
        """Mask a failure and what caused it, before whoever asked gets to see it."""
        from .masking import mask

        mask(error, self.masked)

    def close(self) -> None:
        """Wait for the observers, and report those that failed."""
        observers, self._observers = self._observers, []  # a warning about one goes to the sink alone
        for observer in observers:
            problem = observer.finish(_OBSERVERS_LIMIT)
            if problem:
                self.emit("warning", detail=f"observer '{observer.name}': {problem}")
