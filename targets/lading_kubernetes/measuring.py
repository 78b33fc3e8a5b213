"""The figures of a service: the sum over its pods, each asked through the API server."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from lading import Figures, Latency, Metrics, ReleaseMetrics, StageFailed, Transient
from lading_serving.figures import FIGURES

from .invoking import NO_POD
from .judging import is_ready
from .keys import keys
from .owning import pods_that_serve
from .pods import PORT

if TYPE_CHECKING:
    from lading import Context, Deployment, Json

    from .options import KubernetesOptions
    from .rest import Cluster

_LIMIT = 2.0  # seconds for one pod


def metrics(deployment: Deployment[KubernetesOptions], context: Context, cluster: Cluster) -> Metrics:
    """The figures of the releases that serve. Raises StageFailed without ready pods, and Transient if one is silent."""
    ready = [pod["metadata"]["name"] for pod in pods_that_serve(cluster, deployment) if is_ready(pod)]
    if not ready:
        raise StageFailed("no pod serves")
    key = keys(cluster, deployment, context, None).primary
    headers = {"Accept": FIGURES, **({"X-Lading-Key": key.reveal()} if key else {})}
    return total([_figures(cluster, pod, headers) for pod in ready])


def total(parts: Sequence[Metrics]) -> Metrics:
    """The sums of the figures of several pods, by release."""
    releases = sorted((each for part in parts for each in part.releases), key=lambda each: each.release_id)
    groups = groupby(releases, key=lambda each: each.release_id)
    return Metrics(releases=tuple(_release(name, list(group)) for name, group in groups))


def _figures(cluster: Cluster, pod: str, headers: dict[str, str]) -> Metrics:
    answer = cluster.ask(cluster.proxy("Pod", f"{pod}:{PORT}", "/metrics"), None, headers, _LIMIT)
    if answer.status_code in NO_POD:
        raise Transient(f"{pod} does not answer")
    if not answer.is_success or not answer.headers.get("content-type", "").startswith(FIGURES):
        raise StageFailed(f"{pod} answered {answer.status_code} to the question for its figures")
    try:
        document: Json = answer.json()
        return Metrics.from_json(document)
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
    )


def _sum(parts: Sequence[Figures]) -> Figures:
    counts = zip(*(part.latency.counts for part in parts), strict=True)
    return Figures(
        requests=sum(part.requests for part in parts),
        errors=sum(part.errors for part in parts),
        latency=Latency(bounds=parts[0].latency.bounds, counts=tuple(map(sum, counts))),
    )
