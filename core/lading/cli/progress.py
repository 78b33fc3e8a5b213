"""What the engine tells, on stderr: live lines on a terminal, plain lines in a pipe, JSON lines with `--json`."""

from __future__ import annotations

import contextlib
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

import click

from ..errors import Interrupted
from ..model import Event
from ..model.records import OnEvent
from .plain import is_terminal, plain
from .printed import overheard

if TYPE_CHECKING:
    from rich.status import Status

_DONE = {"stage.finished": "done", "stage.reused": "unchanged", "release.up": "up"}
_BAD = {"stage.failed": "failed"}
_NOTED = {"release.rolled_back": "rolled back", "release.deleted": "deleted"}


@contextlib.contextmanager
def working(*stages: str, as_json: bool = False) -> Iterator[OnEvent]:
    """Report events while the block runs, and what a plugin prints, so that stdout carries the result alone.

    An interrupt says which of the command's stages are done, and which are not.
    """
    reporter: Reporter = JsonLines() if as_json else LiveLines() if is_terminal(sys.stderr) else PlainLines()
    try:
        with overheard(reporter.warn), contextlib.closing(reporter):  # rich puts back the stdout that it found
            yield reporter
    except Interrupted as error:
        if stages:
            done, left = (", ".join(names) or "nothing" for names in (reporter.done, reporter.left(stages)))
            error.message = f"interrupted; done: {done}; not done: {left}"
        raise


def making(model: str | None) -> tuple[str, ...]:
    """The stages that make a package, of a registered model where one is named."""
    return ("package",) if model else ("train", "register", "package")


class Reporter(ABC):
    """Takes events; `done` names the stages that have ended well."""

    left_out: ClassVar[frozenset[str]] = frozenset({"release.refused"})  # a stage.failed follows it

    def __init__(self) -> None:
        self.done: list[str] = []
        self._begun: set[str] = set()

    def __call__(self, event: Event) -> None:
        self._begun |= {event.stage, _subject(event)}
        if event.kind in _DONE:
            self.done.append(_subject(event))
        if event.kind not in self.left_out:
            self.tell(event)

    def left(self, stages: Sequence[str]) -> list[str]:
        """Which of a command's stages have not ended well. One that was passed over, as it has nothing to do, has."""
        reached = max((number for number, stage in enumerate(stages) if stage in self._begun), default=0)
        return [
            stage
            for number, stage in enumerate(stages)
            if (number >= reached or stage in self._begun) and not self._is_done(stage)
        ]

    def _is_done(self, stage: str) -> bool:
        return any(done == stage or done.startswith(f"{stage} to ") for done in self.done)

    def warn(self, message: str) -> None:
        """Tell what no event of the engine tells."""
        self(Event("warning", datetime.now(UTC), "", detail=message))

    @abstractmethod
    def tell(self, event: Event) -> None:
        """Show one event."""

    def close(self) -> None:
        """End what is still on the screen."""
        return


class JsonLines(Reporter):
    """One JSON object per event, whatever it is."""

    left_out: ClassVar[frozenset[str]] = frozenset()

    def tell(self, event: Event) -> None:
        click.echo(json.dumps({**asdict(event), "at": event.at.isoformat()}, default=str), err=True)


class PlainLines(Reporter):
    """One line per event; a phase that goes on is told once."""

    def __init__(self) -> None:
        super().__init__()
        self._last = ""

    def tell(self, event: Event) -> None:
        line = _line(event)
        if line != self._last:
            click.echo(line, err=True)
            self._last = line


class LiveLines(Reporter):
    """A line per stage and per address, and a spinner with what goes on. rich is imported once there is something to
    wait for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._addresses: set[str] = set()
        self._status: Status | None = None

    def tell(self, event: Event) -> None:
        line = _line(event)
        if event.kind == "progress" and event.fields.get("url"):  # it is there to be opened, so it stays
            if line in self._addresses:
                return
            self._addresses.add(line)
        elif event.kind in ("stage.started", "progress"):
            self._spin(line)
            return
        self.close()
        mark, colour = _mark(event)
        click.secho(f"{mark} ", fg=colour, nl=False, err=True)
        click.echo(line, err=True)

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _spin(self, text: str) -> None:
        from rich.console import Console
        from rich.text import Text

        if self._status is None:
            self._status = Console(stderr=True).status(Text(text))
            self._status.start()
        self._status.update(Text(text))


def _mark(event: Event) -> tuple[str, str]:
    if event.kind in _BAD:
        return "✗", "red"
    return ("!", "yellow") if event.kind == "warning" else ("✓", "green")


def _line(event: Event) -> str:
    if event.kind == "warning":
        return plain(f"warning: {event.detail}")
    if event.kind == "progress":
        words = [str(event.fields.get("phase", "")), str(event.fields.get("url") or event.detail)]
    elif event.kind in _BAD:
        words = [_BAD[event.kind]]  # why, is what the command ends with
    else:
        words = [{**_DONE, **_NOTED}.get(event.kind, "started"), event.detail]
    said = " · ".join(word for word in words if word)
    return plain(f"{_subject(event)}: {said}" if event.stage else said)


def _subject(event: Event) -> str:
    return f"{event.stage} to {event.target}" if event.target else event.stage
