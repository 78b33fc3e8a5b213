"""The log of the serving container, from the engine."""

from __future__ import annotations

import re

from lading import Logs, LogsRequest
from lading_docker.engine import Engine, asking

from .containers import instant, serving

_ALL = "all"
_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?(.*)", re.DOTALL | re.ASCII)


def read_log(request: LogsRequest) -> Logs:
    """The last `tail` lines, or the lines after `cursor`, which names a container and the time of its last line."""
    found = serving(request.deployment)
    if found is None:
        return Logs(lines=(), cursor=request.cursor)
    container, _, last = (request.cursor or "").partition(" ")
    start = request.since.isoformat() if request.since else ""
    after = last if container == found.id else start
    # Read at least one line: its time shows which lines are old.
    text = _text(found.id, _ALL if request.cursor or start else max(request.tail, 1), after)
    lines, last = fresh(text, after)
    shown = lines if request.cursor else lines[max(0, len(lines) - request.tail) :]
    return Logs(lines=shown, cursor=f"{found.id} {last}")


def tail(container: str, count: int = 30) -> str:
    """The last lines of a container."""
    with asking("the log of a container"):
        return str(Engine().api.logs(container, tail=count).decode("utf-8", "replace"))


def fresh(text: str, after: str) -> tuple[tuple[str, ...], str]:
    """The lines of a log that are later than a time, and the time of the last line.

    The engine writes a time before each line. A line may contain characters that end lines elsewhere.
    """
    past = _order(after)
    lines = (found.groups() for line in text.split("\n") if (found := _LINE.fullmatch(line)))
    new = [(time, words) for time, words in lines if (at := _order(time)) and (past is None or at > past)]
    return tuple(words for _, words in new), new[-1][0] if new else after


def _text(container: str, count: int | str, after: str) -> str:
    """The log of a container with times, starting at the second of `after`."""
    past = _order(after)
    since = {} if past is None else {"since": past[0]}
    with asking("the log of a container"):
        return str(Engine().api.logs(container, timestamps=True, tail=count, **since).decode("utf-8", "replace"))


def _order(time: str) -> tuple[int, str] | None:
    """The second of a time, in UTC, and its fraction. The number of digits varies between engines."""
    moment = instant(time)
    if moment is None:
        return None
    fraction = re.search(r"\.(\d+)", time)
    return int(moment.timestamp()), fraction[1].ljust(9, "0") if fraction else "0" * 9
