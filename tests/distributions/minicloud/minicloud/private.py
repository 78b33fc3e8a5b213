"""The target `private`: the platform in a network that no HTTP client reaches. The target sends each request itself."""

from __future__ import annotations

import http.client
from dataclasses import replace

from lading import (
    Candidate,
    Capability,
    Context,
    Deployment,
    DeployRequest,
    DeployStep,
    Description,
    InvokeAnswer,
    InvokeRequest,
    NoScoringUri,
    ScoringUri,
    Transient,
    hookimpl,
)

from . import Minicloud, MinicloudOptions, cloud

_URI = "http://cloud.invalid/score"
_HEADER = "x-cloud-server"


class Private(Minicloud):
    @hookimpl
    def lading_describe(self) -> Description:
        found = super().lading_describe()
        return replace(found, capabilities=found.capabilities | {Capability.INVOKE})

    @hookimpl
    def lading_deploy(self, request: DeployRequest[MinicloudOptions], context: Context) -> DeployStep:
        step = super().lading_deploy(request, context)
        if isinstance(step, Candidate):
            return Candidate(uri=_URI, headers={_HEADER: self.name(request, context)})
        return step

    @hookimpl
    def lading_scoring_uri(
        self, deployment: Deployment[MinicloudOptions], context: Context
    ) -> ScoringUri | NoScoringUri:
        found = super().lading_scoring_uri(deployment, context)
        return ScoringUri(uri=_URI) if isinstance(found, ScoringUri) else found

    @hookimpl
    def lading_invoke(self, request: InvokeRequest[MinicloudOptions], context: Context) -> InvokeAnswer | None:
        there = cloud(request.deployment)
        name = request.headers.get(_HEADER)
        server = there.servers().get(name) if name else there.front
        if server is None or not server.port:
            raise Transient(f"{request.uri} has no server")
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=request.timeout)
        try:
            line.request("POST", "/score", request.body or b"{}")
            answer = line.getresponse()
            return InvokeAnswer(status=answer.status, body=answer.read(), headers=dict(answer.headers))
        except OSError as error:
            raise Transient(f"{request.uri} does not answer: {error}") from error
        finally:
            line.close()


private = Private()
