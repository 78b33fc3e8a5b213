"""Show events of the engine on stderr: live lines on a terminal, plain lines in a pipe, JSON lines with `--json`."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

import click

from ..errors import Interrupted
from ..model import EVENT_KINDS, Event
from ..model.records import OnEvent
from .plain import is_terminal, one_line
from .printed import captured_output

if TYPE_CHECKING:
    from rich.status import Status
    from rich.text import Text


@contextlib.contextmanager
def working(*stages: str, as_json: bool = False) -> Iterator[OnEvent]:
    """Report events, and what plugins print, while the block runs. So stdout has only the result.

    An interrupt reports which stages of the command are done and which are not.
    """
    reporter: Reporter = JsonLines() if as_json else LiveLines() if is_terminal(sys.stderr) else PlainLines()
    try:
        with captured_output(reporter.warn), contextlib.closing(reporter):  # rich restores the stdout that it found
            yield reporter
    except Interrupted as error:
        if stages:
            not_done = (*error.unfinished, *reporter.left(stages))
            done, left = (", ".join(names) or "nothing" for names in (reporter.done, not_done))
            error.message = f"interrupted; done: {done}; not done: {left}"
        raise


class Reporter(ABC):
    """Takes events. `done` names the stages that ended well."""

    left_out: ClassVar[frozenset[str]] = frozenset(  # the stage's failure follows and reports the same
        kind for kind, meaning in EVENT_KINDS.items() if meaning.severity == "error" and not meaning.ends_stage
    )

    def __init__(self) -> None:
        self.done: list[str] = []
        self._begun: set[str] = set()
        self._current = ""

    def __call__(self, event: Event) -> None:
        self._begun |= {event.stage, _subject(event)}
        meaning = EVENT_KINDS[event.kind]
        if event.kind == "stage.started":
            self._current = _subject(event)
        elif meaning.ends_stage and meaning.severity != "error":
            self._current = ""
            self.done.append(_subject(event))
        if event.kind not in self.left_out:
            self.show(event)

    def left(self, stages: Sequence[str]) -> list[str]:
        """The stages of the command that have not ended well. A skipped stage with nothing to do counts as ended well.

        A stage that a manifest can omit is listed only after it has started.
        """
        reached = max((number for number, stage in enumerate(stages) if stage in self._begun), default=0)
        listed = any(_belongs(self._current, stage) for stage in stages)
        optional = [self._current] if self._current and not listed else []
        return optional + [
            stage
            for number, stage in enumerate(stages)
            if (number >= reached or stage in self._begun) and not self._is_done(stage)
        ]

    def _is_done(self, stage: str) -> bool:
        return any(_belongs(done, stage) for done in self.done)

    def warn(self, message: str) -> None:
        """Report a warning that is not an event of the engine."""
        self(Event(kind="warning", at=datetime.now(UTC), service="", detail=message))

    @abstractmethod
    def show(self, event: Event) -> None:
        """Show one event."""

    def close(self) -> None:
        """Finish the line that is still on the screen."""
        return


class JsonLines(Reporter):
    """One JSON object per event of any kind."""

    left_out: ClassVar[frozenset[str]] = frozenset()

    def show(self, event: Event) -> None:
        click.echo(json.dumps({**asdict(event), "at": event.at.isoformat()}, default=str), err=True)


class PlainLines(Reporter):
    """One line per event. Equal lines in a row are one line."""

    def __init__(self) -> None:
        super().__init__()
        self._last = ""

    def show(self, event: Event) -> None:
        line = _line(event)
        if line != self._last:
            click.echo(line, err=True)
            self._last = line


class Passing:
    """A line on a terminal, with the seconds since it is shown. rich asks for it again and again."""

    def __init__(self, line: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = line
        self._clock = clock
        self._began = clock()

    def __rich__(self) -> Text:
        from rich.text import Text

        seconds = self._clock() - self._began
        return Text(f"{self._line} · {seconds:.0f} s" if seconds >= 1 else self._line)


class LiveLines(Reporter):
    """A line per stage and per address, and a spinner for the current phase. rich is imported at the first wait."""

    def __init__(self) -> None:
        super().__init__()
        self._status: Status | None = None

    def show(self, event: Event) -> None:
        line = _line(event)
        # The reader opens an address, so its line stays.
        if EVENT_KINDS[event.kind].passing and not event.fields.get("url"):
            self._spin(Passing(line))
            return
        self.close()
        mark, colour = _mark(event)
        click.secho(f"{mark} ", fg=colour, nl=False, err=True)
        click.echo(line, err=True)

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _spin(self, line: Passing) -> None:
        from rich.console import Console

        if self._status is None:
            self._status = Console(stderr=True).status(line)
            self._status.start()
        self._status.update(line)


def _mark(event: Event) -> tuple[str, str]:
    if EVENT_KINDS[event.kind].severity == "error":
        return "✗", "red"
    return ("!", "yellow") if event.kind == "warning" else ("✓", "green")


def _line(event: Event) -> str:
    meaning = EVENT_KINDS[event.kind]
    if event.kind == "warning":
        return one_line(f"{meaning.word}: {event.detail}")
    if event.kind == "progress":
        words = [str(event.fields.get("phase", "")), str(event.fields.get("url") or event.detail)]
    else:  # the reason of a failure is printed when the command ends
        word = f"{meaning.word}, not asked" if event.fields.get("asked") is False else meaning.word
        words = [word] if meaning.severity == "error" else [word, event.detail]
    said = " · ".join(word for word in words if word)
    return one_line(f"{_subject(event)}: {said}" if event.stage else said)


def _belongs(subject: str, stage: str) -> bool:
    """Whether a subject is the stage, or the stage on one target."""
    return subject == stage or subject.startswith(f"{stage} to ")


def _subject(event: Event) -> str:
    direction = "from" if event.stage == "delete" else "to"
    return f"{event.stage} {direction} {event.target}" if event.target else event.stage
