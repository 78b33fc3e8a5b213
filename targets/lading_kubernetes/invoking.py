"""Send a request to a pod or a Service through the API server, with the credentials of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import InvokeAnswer, InvokeRequest

if TYPE_CHECKING:
    from .options import KubernetesOptions
    from .rest import Cluster


def invoke(request: InvokeRequest[KubernetesOptions], cluster: Cluster) -> InvokeAnswer | None:
    """The answer of a service behind the API server; None for every other address. Raises Transient if none comes."""
    if not request.uri.startswith(f"{cluster.server}/"):
        return None
    key = {"X-Lading-Key": request.key.reveal()} if request.key else {}  # the server keeps `Authorization` for itself
    answer = cluster.ask(request.uri, request.body, {**request.headers, **key}, request.timeout)
    return InvokeAnswer(status=answer.status, body=answer.body, headers=dict(answer.headers))
