"""The observer `eventlog`: writes each event as one line of JSON to a file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from lading import EVENT_KINDS, Description, Event, EventKind, ManifestPath, Options, Transient, hookimpl

from .record import log_record


@dataclass(frozen=True)
class EventlogOptions(Options):
    file: ManifestPath
    """The file to append to, one line per event. A missing file is created, readable only for its owner."""
    events: tuple[EventKind, ...] = tuple(EVENT_KINDS)
    """The kinds of events to write; by default all of them."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="appends events to a file, as OpenTelemetry log records", api=1, options=EventlogOptions)


@hookimpl
def lading_observe(event: Event, options: EventlogOptions) -> None:
    """Append an event. Raises Transient, with the file in its message, if it cannot be written."""
    if event.kind in options.events:
        line = json.dumps(log_record(event), separators=(",", ":"), default=str) + "\n"
        try:
            _append(options.file, line.encode())
        except OSError as error:
            raise Transient(f"{options.file} cannot be written: {(error.strerror or str(error)).lower()}") from error


def _append(file: os.PathLike[str], line: bytes) -> None:
    """Append in one write, so that the system never mixes lines of two processes."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(None, "there was room only for a part of a line")
    finally:
        os.close(descriptor)
