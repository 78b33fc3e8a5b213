"""Addresses for tests that send requests without a deployment."""

from __future__ import annotations

from lading.engine.release.endpoint import Endpoint, Invoke
from lading.model import Deployment, Options


def at(uri: str, invoke: Invoke | None = None) -> Endpoint:
    deployment = Deployment(service="price", target="local", options=Options(), written={})
    return Endpoint(deployment=deployment, uri=uri, invoke=invoke)
