"""The figures of releases in `lading status`: of the last minute, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import output

if TYPE_CHECKING:
    from ..model import ReleaseMetrics
    from ..python.measurement import Measurement

MINUTE = 60.0
COLUMNS = ("rate", "errors", "p50", "p99", "restarts", "memory")
_FAST = 0.1  # requests per second; slower rates are shown per minute


def as_json(measured: Measurement) -> dict[str, Any]:
    """The fields of a row: the releases with their figures, and why they are missing."""
    return {
        "releases": [_document(number, each) for number, each in measured.releases],
        "no_figures": measured.missing or None,
    }


def _document(number: int | None, metrics: ReleaseMetrics) -> dict[str, Any]:
    minute = metrics.minute
    return {
        "release": number,
        "release_id": metrics.release_id,
        "requests": metrics.total.requests,
        "errors": metrics.total.errors,
        "restarts": metrics.restarts,
        "memory": metrics.memory,
        "last_minute": None
        if minute is None
        else {
            "requests": minute.requests,
            "rate": metrics.rate,
            "seconds": metrics.minute_seconds,
            "errors": minute.errors,
            "error_rate": minute.errors / minute.requests if minute.requests else 0.0,
            "p50": minute.latency.quantile(0.5),
            "p99": minute.latency.quantile(0.99),
        },
    }


def rows(row: Mapping[str, object], measured: Measurement, release_id: str | None) -> Iterator[dict[str, object]]:
    """The lines of a service: one with the figures of the release that serves, and one for each other release."""
    ordered = sorted(measured.releases, key=lambda each: each[1].release_id != release_id)
    served, detail = ordered[0][1] if ordered else None, row["detail"]
    if measured.missing:
        detail = "; ".join(filter(None, (str(detail), f"its figures could not be read: {measured.missing}")))
    facts = {name: value for name, value in row.items() if name != "detail"}
    yield {**facts, **_cells(served), "detail": detail}
    for number, each in ordered[1:]:
        yield {**dict.fromkeys(facts, ""), "release": number, **_cells(each), "detail": "beside it"}


def without_empty(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """The rows without the columns of figures, if no row has figures."""
    if any(row[name] for row in rows for name in COLUMNS):
        return list(rows)
    return [{name: value for name, value in row.items() if name not in COLUMNS} for row in rows]


def _cells(metrics: ReleaseMetrics | None) -> dict[str, object]:
    if metrics is None:
        return dict.fromkeys(COLUMNS, "")
    minute = metrics.minute
    cells = {"rate": "", "errors": "", "p50": "", "p99": ""}
    if minute is not None:
        share = minute.errors / minute.requests if minute.requests else 0.0
        cells = {
            "rate": _rate(metrics.rate),
            "errors": f"{share:.2%}" if minute.errors else "0",
            "p50": _time(minute.latency.quantile(0.5)),
            "p99": _time(minute.latency.quantile(0.99)),
        }
    memory = "" if metrics.memory is None else output.size(metrics.memory)
    return {**cells, "restarts": metrics.restarts, "memory": memory}


def _rate(per_second: float) -> str:
    return f"{per_second:.3g}/s" if per_second >= _FAST or not per_second else f"{per_second * MINUTE:.3g}/min"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
