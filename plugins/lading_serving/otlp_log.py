"""Shorten the log of OpenTelemetry: an unreachable collector would fill the log of the service with tracebacks.

Its errors may quote the headers or the address of the collector. Passwords in them are redacted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from .logs import Recurring
from .redaction import Redaction

_PREFIX = "OTEL_EXPORTER_OTLP_"


class _Brief(logging.Handler):
    """Writes a problem in one line, at most once a minute."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__(logging.WARNING)
        self._problems = Recurring("telemetry was not sent")
        self._redaction = redaction

    def emit(self, record: logging.LogRecord) -> None:
        reason = record.exc_info[1] if record.exc_info else None
        problem = record.getMessage() + (f" {type(reason).__name__}: {reason}" if reason else "")
        self._problems.note(self._redaction.masked(problem))


def shorten(env: Mapping[str, str]) -> None:
    """Let the loggers of OpenTelemetry write briefly, without the passwords of its variables in `env`."""
    hidden = {name: "\n".join(_passwords(name, value)) for name, value in env.items() if name.startswith(_PREFIX)}
    logger = logging.getLogger("opentelemetry")
    logger.handlers = [_Brief(Redaction(hidden))]
    logger.propagate = False


def _passwords(name: str, value: str) -> Iterator[str]:
    """The parts of a variable that an error may quote: headers, their values as sent, and a password in an address."""
    if name.endswith("_HEADERS"):
        yield value
        for header in value.split(","):
            text = unquote(header.partition("=")[2])
            yield from (header, text, text.rpartition(" ")[2])
    elif name.endswith("_ENDPOINT"):
        yield value.rpartition("@")[0].rpartition("//")[2].partition(":")[2]
