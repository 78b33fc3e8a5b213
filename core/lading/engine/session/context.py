"""The context that all hooks receive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import BadInput, PluginError
from ...model import Secret

if TYPE_CHECKING:
    from ...model import Models
    from ...store.facts import Facts
    from .events import Events


Note = Callable[[str], None]
"""Called with a name: that of an object which a hook will make, or of a variable that it reads."""


def ignore(_name: str) -> None:
    """A `Note` without an effect."""


@dataclass(frozen=True)
class HookContext:
    """The context of one hook call. It implements `lading.Context`. `end` is on the monotonic clock."""

    work: Path
    models: Models
    events: Events
    environ: Mapping[str, str]
    cancel: threading.Event
    stage: str = ""
    target: str = ""
    connection: Any = None
    end: float | None = None
    journal: Note = ignore
    facts: Facts | None = None
    note_secret: Note = ignore

    @property
    def cancelled(self) -> bool:
        return self.cancel.is_set()

    @property
    def seconds_left(self) -> float | None:
        return None if self.end is None else max(0.0, self.end - time.monotonic())

    def progress(self, phase: str, detail: str = "") -> None:
        self.events.emit("progress", stage=self.stage, target=self.target, detail=detail, phase=phase)

    def warn(self, message: str) -> None:
        self.events.emit("warning", stage=self.stage, target=self.target, detail=message)

    def secret(self, name: str) -> Secret:
        value = self.environ.get(name)
        if not value:
            raise BadInput(f"the environment variable {name} is not set", hint=f"export {name}=…")
        self.events.hide(value)
        self.note_secret(name)
        return Secret(value)

    def intend(self, name: str) -> None:
        self.journal(name)

    def record(self, name: str, text: str) -> None:
        self._known().put(name, text)

    def recorded(self, name: str) -> str | None:
        return self._known().get(name)

    def _known(self) -> Facts:
        if self.facts is None:
            raise PluginError("only the hooks of a target can record something about a deployment")
        return self.facts
