"""Shorten the log of OpenTelemetry: an unreachable collector would fill the log of the service with tracebacks."""

from __future__ import annotations

import logging

from .logs import Recurring

NOT_SENT = "telemetry was not sent"


class _Brief(logging.Handler):
    """Writes a problem in one line, at most once a minute."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._problems = Recurring(NOT_SENT)

    def emit(self, record: logging.LogRecord) -> None:
        reason = record.exc_info[1] if record.exc_info else None
        self._problems.note(record.getMessage() + (f" {type(reason).__name__}: {reason}" if reason else ""))


def shorten() -> None:
    """Let the loggers of OpenTelemetry write briefly."""
    logger = logging.getLogger("opentelemetry")
    logger.addHandler(_Brief())
    logger.propagate = False
