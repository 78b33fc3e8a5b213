"""The target `minicloud`. It starts a server beside the old one, tests it there, and then switches a front to it."""

from __future__ import annotations

from dataclasses import dataclass

from lading import (
    Candidate,
    Capability,
    Context,
    DeleteStep,
    Deployment,
    DeployRequest,
    DeployStep,
    Description,
    Done,
    Failed,
    NoScoringUri,
    Options,
    Pending,
    Ready,
    ScoringUri,
    State,
    Status,
    hookimpl,
)

from .cloud import Cloud

_SOON = 0.05


@dataclass(frozen=True)
class MinicloudOptions(Options):
    folder: str
    """Where the platform keeps what it has."""


def cloud(deployment: Deployment[MinicloudOptions]) -> Cloud:
    """The platform, as one service sees it."""
    return Cloud(deployment.options.folder, deployment.service)


class Minicloud:
    @hookimpl
    def lading_describe(self) -> Description:
        can = {Capability.STATUS, Capability.DELETE, Capability.SCORING_URI, Capability.KEEPS_OLD_RELEASE}
        return Description(
            summary="processes behind a front", api=1, options=MinicloudOptions, capabilities=frozenset(can)
        )

    @hookimpl
    def lading_deploy(self, request: DeployRequest[MinicloudOptions], context: Context) -> DeployStep:
        there, name = cloud(request.deployment), self.name(request, context)
        if name not in there.models():
            context.intend(f"model/{name}")
            there.add_model(name, request.package)
            return Pending(phase="copying the model", retry_after=_SOON)
        if name not in there.servers():
            context.intend(f"server/{name}")
            there.start_server(name, request.package.scoring_script)
            return Pending(phase="starting", retry_after=_SOON)
        server = there.servers()[name]
        if server.error:
            self.discard(there, name)
            return Failed(reason="init() failed", log=server.error)
        if not server.port:
            return Pending(phase="starting", retry_after=_SOON)
        if request.verdict is None:
            return Ready() if self.serves(there, name, request) else Candidate(uri=server.uri)
        if not request.verdict.up:
            self.discard(there, name)
            return Failed(reason=request.verdict.reason)
        return self.switch(there, name, request, context)

    @hookimpl
    def lading_scoring_uri(
        self, deployment: Deployment[MinicloudOptions], context: Context
    ) -> ScoringUri | NoScoringUri:
        front = cloud(deployment).front
        return ScoringUri(uri=front.uri) if front and front.port else NoScoringUri(reason="it has no front")

    @hookimpl
    def lading_status(self, deployment: Deployment[MinicloudOptions], context: Context) -> Status:
        route = cloud(deployment).route
        if not route:
            return Status(state=State.ABSENT)
        tags = route["tags"]
        return Status(state=State.RUNNING, package_digest=tags["lading.package"], model_sha256=tags["lading.model"])

    @hookimpl
    def lading_delete(self, deployment: Deployment[MinicloudOptions], context: Context) -> DeleteStep:
        there = cloud(deployment)
        there.end_front()
        for name in there.servers():
            there.end_server(name)
        for name in there.models():
            there.remove_model(name)
        return Done()

    def name(self, request: DeployRequest[MinicloudOptions], context: Context) -> str:
        """The name of a release's objects. Every store gives the same name to one package."""
        return f"{request.deployment.service}.{request.package.digest[:12]}"

    def serves(self, there: Cloud, name: str, request: DeployRequest[MinicloudOptions]) -> bool:
        """Whether the front already routes to this release."""
        up = there.front is not None and there.front.port != 0
        return up and there.route.get("server") == name and there.route["tags"] == dict(request.tags)

    def switch(self, there: Cloud, name: str, request: DeployRequest[MinicloudOptions], context: Context) -> DeployStep:
        """Route the front to the new server, and remove the previous release."""
        if (there.route.get("server"), there.route.get("tags")) != (name, dict(request.tags)):
            context.intend(f"route/{name}")
            there.lead_to(name, request.tags)
        if there.front is None:
            context.intend(f"front/{request.deployment.service}")
            there.start_front()
        if not (there.front and there.front.port):
            return Pending(phase="starting the front", retry_after=_SOON)
        self.tidy(there, name)
        return Ready()

    def tidy(self, there: Cloud, name: str) -> None:
        """Remove all releases but one."""
        for other in {*there.servers(), *there.models()} - {name}:
            there.end_server(other)
            there.remove_model(other)

    def discard(self, there: Cloud, name: str) -> None:
        """Remove a release that will not serve."""
        if there.route.get("server") != name:
            there.end_server(name)
            there.remove_model(name)


honest = Minicloud()
