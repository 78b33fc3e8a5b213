"""The figures of a service: the sum over its pods, each asked through the API server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING

from lading import Figures, Latency, Metrics, ReleaseMetrics, StageFailed, Transient
from lading_serving.figures import FIGURES

from .containers import is_ready
from .keys import keys
from .owning import pods_that_serve
from .pods import PORT

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import KubernetesOptions
    from .rest import Cluster

_LIMIT = 4.0  # seconds for all pods, which is less than a command waits for the figures
_AT_ONCE = 16  # requests
_LARGEST = 1 << 20  # bytes of the figures of one pod


def metrics(deployment: Deployment[KubernetesOptions], context: Context, cluster: Cluster) -> Metrics:
    """The figures of the releases that serve. Raises StageFailed without ready pods, and Transient if one is silent."""
    ready = [pod["metadata"]["name"] for pod in pods_that_serve(cluster, deployment) if is_ready(pod)]
    if not ready:
        raise StageFailed("no pod serves")
    key = keys(cluster, deployment, context, None).primary
    headers = {"Accept": FIGURES, **({"X-Lading-Key": key.reveal()} if key else {})}
    end = time.monotonic() + _LIMIT
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return total(list(threads.map(lambda pod: _figures(cluster, pod, headers, end), ready)))


def total(parts: Sequence[Metrics]) -> Metrics:
    """The sums of the figures of several pods, by release."""
    releases = sorted((each for part in parts for each in part.releases), key=lambda each: each.release_id)
    groups = groupby(releases, key=lambda each: each.release_id)
    return Metrics(releases=tuple(_release(name, list(group)) for name, group in groups))


def _figures(cluster: Cluster, pod: str, headers: dict[str, str], end: float) -> Metrics:
    left = end - time.monotonic()
    if left <= 0:
        raise Transient(f"{pod} was not asked for its figures, because the other pods answer too slowly")
    answer = cluster.ask(cluster.proxy("Pod", f"{pod}:{PORT}", "/metrics"), None, headers, left, largest=_LARGEST)
    if not answer.is_success or not answer.headers.get("content-type", "").startswith(FIGURES):
        raise StageFailed(f"{pod} answered {answer.status} to the question for its figures")
    try:
        return Metrics.from_json(answer.json())
    except ValueError as error:
        raise StageFailed(f"{pod}: {error}") from error


def _release(name: str, parts: Sequence[ReleaseMetrics]) -> ReleaseMetrics:
    minutes = [part.minute for part in parts if part.minute]
    memories = [part.memory for part in parts if part.memory is not None]
    return ReleaseMetrics(
        release_id=name,
        total=_sum([part.total for part in parts]),
        minute=_sum(minutes) if len(minutes) == len(parts) else None,
        restarts=sum(part.restarts for part in parts),
        memory=sum(memories) if memories else None,
        minute_seconds=_seconds(parts, minutes),
    )


def _seconds(parts: Sequence[ReleaseMetrics], minutes: Sequence[Figures]) -> float:
    """The seconds with which the requests of all pods give the sum of their rates. A new pod has counted for fewer."""
    rate = sum(part.rate for part in parts)
    requests = sum(minute.requests for minute in minutes)
    return requests / rate if rate else max(part.minute_seconds for part in parts)


def _sum(parts: Sequence[Figures]) -> Figures:
    counts = zip(*(part.latency.counts for part in parts), strict=True)
    return Figures(
        requests=sum(part.requests for part in parts),
        errors=sum(part.errors for part in parts),
        refused=sum(part.refused for part in parts),
        latency=Latency(bounds=parts[0].latency.bounds, counts=tuple(map(sum, counts))),
    )
