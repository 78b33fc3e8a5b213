"""The log of a service: the lines of all its pods by their times."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from lading import Json, LadingError, Logs, LogsRequest

from .owning import pods_that_serve
from .pods import CONTAINER

if TYPE_CHECKING:
    from .rest import Cluster

_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00) ?(.*)", re.DOTALL | re.ASCII)

_FAILED = "!"  # ends the name of a pod in a cursor, whose log could not be read. No name of a pod has it.

_SECOND = len("2026-01-01T00:00:00")  # the ends of containers have no smaller part


class Line(NamedTuple):
    """A line with its time, in UTC with nanoseconds, so that texts have the order of times."""

    time: str
    pod: str
    text: str


def read_log(request: LogsRequest, cluster: Cluster) -> Logs:
    """The last `tail` lines, or the lines after `cursor`, which has the time of the last line of each pod.

    A pod whose log cannot be read, such as one of an unreachable node, has one line. Raises its error if no log can
    be read.
    """
    found = pods_that_serve(cluster, request.deployment)
    if not found:
        return Logs(lines=(), cursor=request.cursor)
    last = _positions(request.cursor)
    lines, failed = _read(cluster, found, request, last)
    shown = lines if request.cursor else lines[max(0, len(lines) - request.tail) :]
    several = len(found) > 1
    texts = [f"{_short(line.pod)}: {line.text}" if several else line.text for line in shown]
    texts += [f"{_short(pod)}: {why}" for pod, why in failed.items() if last.get(f"{pod}{_FAILED}") != why]
    last = {name: time for name, time in last.items() if not name.endswith(_FAILED)}
    last |= {line.pod: line.time for line in lines}
    last |= {f"{pod}{_FAILED}": why for pod, why in failed.items()}
    return Logs(lines=tuple(texts), cursor=json.dumps(last))


def _read(
    cluster: Cluster, pods: Sequence[Json], request: LogsRequest, last: Mapping[str, str]
) -> tuple[list[Line], dict[str, str]]:
    """The lines of all pods by their times, and why those of a pod cannot be read. Raises the error of the last pod if
    this is so for all.
    """
    lines: list[Line] = []
    failed: dict[str, str] = {}
    for pod in pods:
        try:
            lines += list(_of_pod(cluster, pod, request, last))
        except LadingError as error:
            failed[pod["metadata"]["name"]] = f"its log cannot be read: {error.message}"
            if len(failed) == len(pods):
                raise
    return sorted(lines), failed


def last_lines(cluster: Cluster, pod: str, container: str = CONTAINER, count: int = 30) -> str:
    """The last lines of a container of a pod before its last end, or else of the one that runs."""
    query = {"tailLines": str(count), "container": container}
    return cluster.log(pod, previous="true", **query) or cluster.log(pod, **query)


def last_words(cluster: Cluster, pod: str, container: str = CONTAINER) -> str:
    """The last lines of a pod for a message. Empty if they cannot be read: the failure itself is more important."""
    try:
        return last_lines(cluster, pod, container)
    except LadingError:
        return ""


def _of_pod(cluster: Cluster, pod: Json, request: LogsRequest, last: Mapping[str, str]) -> Iterator[Line]:
    """The lines of a pod: also of the container before a restart, if a cursor is not past its end."""
    name = pod["metadata"]["name"]
    after = last.get(name, "")
    query = {"timestamps": "true", "container": CONTAINER}
    if after or request.since:
        query["sinceTime"] = after or f"{request.since:%Y-%m-%dT%H:%M:%SZ}"
    elif not request.cursor:
        query["tailLines"] = str(max(request.tail, 1))  # the time of one line is the position
    before = cluster.log(name, previous="true", **query) if _has_ended_since(pod, after) else ""
    for text in (before, cluster.log(name, **query)):
        yield from (line for line in _lines(name, text, request.since) if line.time > after)


def _has_ended_since(pod: Json, after: str) -> bool:
    """Whether a container has ended after a time, or ever if no time is given. Its last lines may be unread."""
    states = (pod.get("status") or {}).get("containerStatuses") or ()
    ends = (str(end.get("finishedAt")) for state in states if (end := (state.get("lastState") or {}).get("terminated")))
    return any(end[:_SECOND] >= after[:_SECOND] for end in ends)


def _lines(pod: str, text: str, since: datetime | None) -> Iterator[Line]:
    start = f"{since:%Y-%m-%dT%H:%M:%S}" if since else ""
    for raw in text.split("\n"):
        if found := _LINE.fullmatch(raw):
            time = f"{found[1]}.{(found[2] or '').ljust(9, '0')}Z"
            if time >= start:
                yield Line(time, pod, found[3])


def _positions(cursor: str | None) -> dict[str, str]:
    with suppress(ValueError):
        found = json.loads(cursor or "{}")
        if isinstance(found, dict):
            return {str(pod): str(time) for pod, time in found.items()}
    return {}


def _short(pod: str) -> str:
    """The part of a pod's name that differs from those of the others."""
    return pod.rpartition("-")[2]
