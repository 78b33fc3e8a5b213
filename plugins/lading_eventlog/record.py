"""An event as a log record of OpenTelemetry.

The fields are those of the "Logs Data Model" (stable; opentelemetry.io/docs/specs/otel/logs/data-model) in the spelling
of its protocol buffers, and the severity numbers are that page's. `service.name` and `deployment.environment.name` are
stable names of the semantic conventions (opentelemetry.io/docs/specs/semconv/registry/attributes); what is Lading's
alone begins with `lading.`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lading import Event, Json, __version__

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INFO, _WARN, _ERROR, _DEBUG = ("INFO", 9), ("WARN", 13), ("ERROR", 17), ("DEBUG", 5)
_SEVERITY = {
    "progress": _DEBUG,
    "warning": _WARN,
    "stage.failed": _ERROR,
    "release.refused": _ERROR,
    "release.rolled_back": _WARN,
}


def log_record(event: Event) -> dict[str, Json]:
    """The record, ready for JSON; `time_unix_nano` is in nanoseconds since 1970 (UTC)."""
    text, number = _SEVERITY.get(event.kind, _INFO)
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
