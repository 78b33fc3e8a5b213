"""The log of the container that serves, as the engine kept it."""

from __future__ import annotations

import re

from lading import Logs, LogsRequest
from lading_docker.engine import Engine, asking

from .containers import serving

_ALL = "all"


def read_log(request: LogsRequest) -> Logs:
    """The last `tail` lines, or what came after `cursor`: a container and the time of its last line."""
    found = serving(request.deployment)
    if found is None:
        return Logs((), request.cursor)
    container, _, last = (request.cursor or "").partition(" ")
    after = last if container == found.id else ""
    lines = [line.split(" ", 1) for line in _lines(found.id, _ALL if request.cursor else request.tail, after)]
    new = [(time, text) for time, text in lines if _order(time) > _order(after)]
    return Logs(tuple(text for _, text in new), f"{found.id} {new[-1][0] if new else after}")


def tail(container: str, count: int = 30) -> str:
    """The last lines of a container."""
    with asking("the log of a container"):
        return str(Engine().api.logs(container, tail=count).decode("utf-8", "replace"))


def _lines(container: str, count: int | str, after: str) -> list[str]:
    """Lines with their times before them, of those in the second of `after` and later."""
    since = {"since": _second(after)} if after else {}
    with asking("the log of a container"):
        text = Engine().api.logs(container, timestamps=True, tail=count, **since)
    return [line for line in text.decode("utf-8", "replace").splitlines() if " " in line]


def _second(time: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(f"{time[:19]}+00:00").timestamp())


def _order(time: str) -> tuple[str, str]:
    """What a time is sorted by: an engine writes as many digits of a second as it needs."""
    whole, _, part = time.rstrip("Z").partition(".")
    return whole, re.sub(r"\D", "", part).ljust(9, "0")
