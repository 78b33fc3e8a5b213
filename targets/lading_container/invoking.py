"""Send a request to a container with TLS, whose certificate is known from its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import InvokeAnswer, Transient
from lading_serving.pinned import send

from .containers import find, names

if TYPE_CHECKING:
    from lading import InvokeRequest


def answer(request: InvokeRequest) -> InvokeAnswer:
    """The answer of the container at the address of the request. Raises Transient if there is none."""
    key, known = request.key.reveal() if request.key else "", _certificate(request)
    try:
        found = send(request.uri, request.body, request.headers, key=key, certificate=known, timeout=request.timeout)
    except OSError as error:
        raise Transient(f"{request.uri} does not answer: {error}") from error
    return InvokeAnswer(status=found.status, body=found.body, headers=found.headers)


def _certificate(request: InvokeRequest) -> str:
    containers = [find(name, request.deployment) for name in names(request.deployment.service)]
    for container in containers:
        if container is not None and container.uri == request.uri:
            return container.certificate
    raise Transient(f"no container of {request.deployment.service} has the address {request.uri}")
