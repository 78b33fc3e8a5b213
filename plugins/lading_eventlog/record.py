"""Convert an event to a log record of OpenTelemetry.

The fields follow the "Logs Data Model" (stable; opentelemetry.io/docs/specs/otel/logs/data-model), with the spelling of
its protocol buffers. The severity numbers come from the same page. `service.name` and `deployment.environment.name` are
stable names of the semantic conventions (opentelemetry.io/docs/specs/semconv/registry/attributes). Lading's own fields
begin with `lading.`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lading import EVENT_KINDS, Event, Json, __version__

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEVERITY = {"debug": ("DEBUG", 5), "info": ("INFO", 9), "warning": ("WARN", 13), "error": ("ERROR", 17)}


def log_record(event: Event) -> dict[str, Json]:
    """The record of an event, ready for JSON. `time_unix_nano` is in nanoseconds since 1970 (UTC)."""
    text, number = _SEVERITY[EVENT_KINDS[event.kind].severity]
    return {
        "time_unix_nano": (event.at - _EPOCH) // timedelta(microseconds=1) * 1000,
        "severity_number": number,
        "severity_text": text,
        "event_name": f"lading.{event.kind}",
        "body": event.detail or event.kind,
        "attributes": _attributes(event),
        "resource": {"service.name": event.service},
        "scope": {"name": "lading", "version": __version__},
    }


def _attributes(event: Event) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if event.stage:
        found["lading.stage"] = event.stage
    if event.target:
        found["deployment.environment.name"] = event.target
    return found | {f"lading.{name}": value for name, value in event.fields.items()}
