"""Send a request to a pod or a Service through the API server, with the credentials of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import InvokeAnswer, InvokeRequest, Transient

if TYPE_CHECKING:
    from .options import KubernetesOptions
    from .rest import Cluster

NO_POD = (500, 502, 503)  # of the API server, if nothing listens, or if a connection to the pod ends
_HEAD = 400  # bytes


def invoke(request: InvokeRequest[KubernetesOptions], cluster: Cluster) -> InvokeAnswer | None:
    """The answer of a service behind the API server; None for every other address. Raises Transient if none comes."""
    if not request.uri.startswith(f"{cluster.server}/"):
        return None
    key = {"X-Lading-Key": request.key.reveal()} if request.key else {}  # the server keeps `Authorization` for itself
    answer = cluster.ask(request.uri, request.body, {**request.headers, **key}, request.timeout)
    if answer.status_code in NO_POD and b'"kind":"Status"' in answer.content[:_HEAD]:
        raise Transient(f"no pod answers: {answer.content[:_HEAD].decode('utf-8', 'replace')}")
    return InvokeAnswer(status=answer.status_code, body=answer.content, headers=dict(answer.headers))
