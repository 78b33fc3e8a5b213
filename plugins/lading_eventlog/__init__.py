"""The observer `eventlog`: every event as one line of JSON in a file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import get_args

from lading import Description, Event, EventKind, ManifestPath, Options, Transient, hookimpl

from .record import log_record


@dataclass(frozen=True)
class EventlogOptions(Options):
    file: ManifestPath
    """The file to append to, one line per event; made (for its owner alone) where there is none."""
    events: tuple[EventKind, ...] = get_args(EventKind)
    """The kinds of events to write; all of them by default."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="appends events to a file, as OpenTelemetry log records", options=EventlogOptions)


@hookimpl
def lading_observe(event: Event, options: EventlogOptions) -> None:
    """Append an event. Raises Transient, with the file named, where it cannot be written."""
    if event.kind in options.events:
        line = json.dumps(log_record(event), separators=(",", ":"), default=str) + "\n"
        try:
            _append(options.file, line.encode())
        except OSError as error:
            raise Transient(f"{options.file} cannot be written: {(error.strerror or str(error)).lower()}") from error


def _append(file: os.PathLike[str], line: bytes) -> None:
    """Append in one write, which the system never mixes with that of another process."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(None, "there was room for a part of a line alone")
    finally:
        os.close(descriptor)
