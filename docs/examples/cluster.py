import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
    Listed,
    Listing,
    ListRequest,
    ManifestPath,
    NoScoringUri,
    Options,
    Pending,
    Ready,
    Refused,
    ScoringUri,
    State,
    Status,
    hookimpl,
)

Tags = Mapping[str, str]


class Cluster:
    """The client of the platform."""

    def __init__(self, folder: Path, gateway: str) -> None:
        self.folder, self.gateway = folder, gateway
        folder.mkdir(parents=True, exist_ok=True)

    def servers(self) -> dict[str, Tags]:
        return {file.stem: json.loads(file.read_text()) for file in self.folder.glob("*.server")}

    def create(self, name: str, tags: Tags) -> None:
        (self.folder / f"{name}.server").write_text(json.dumps(dict(tags)))

    def remove(self, name: str) -> None:
        (self.folder / f"{name}.server").unlink(missing_ok=True)

    def uri(self, name: str) -> str:
        return f"{self.gateway}/{name}/score"

    def leads_to(self, address: str) -> str | None:
        file = self.folder / f"{address}.address"
        return file.read_text() if file.exists() else None

    def lead(self, address: str, name: str) -> None:
        (self.folder / f"{address}.address").write_text(name)

    def close(self, address: str) -> None:
        (self.folder / f"{address}.address").unlink(missing_ok=True)


@dataclass(frozen=True)
class ClusterOptions(Options):
    folder: ManifestPath
    """The folder of the cluster."""
    gateway: str = "http://127.0.0.1:9"
    """Where the servers of the cluster answer."""


@hookimpl
def lading_describe() -> Description:
    can = {
        Capability.STATUS,
        Capability.DELETE,
        Capability.LIST,
        Capability.SCORING_URI,
        Capability.KEEPS_OLD_RELEASE,
    }
    return Description(summary="a server in a cluster", api=1, options=ClusterOptions, capabilities=frozenset(can))


@hookimpl
def lading_deploy(request: DeployRequest[ClusterOptions], context: Context) -> DeployStep:
    deployment, verdict = request.deployment, request.verdict
    cluster, ours = cluster_of(deployment), servers_of(deployment)
    name = f"{deployment.service}-{request.package.digest[:12]}-{request.release_id}"
    serving = cluster.leads_to(deployment.service)
    if serving is not None and serving not in ours:
        raise Refused(f"the address {deployment.service} leads to {serving}", hint="set another `service_name`")
    if verdict is not None and not verdict.up:
        if name in ours:
            cluster.remove(name)
            return Pending(phase="removing the candidate", retry_after=0)
        return Failed(reason=verdict.reason)
    if name not in ours:
        context.intend(f"server/{name}")
        cluster.create(name, request.tags)
        return Pending(phase="starting the server", retry_after=0)
    if serving != name:
        if verdict is None:
            return Candidate(uri=cluster.uri(name))
        context.intend(f"address/{name}")
        cluster.lead(deployment.service, name)
        return Pending(phase="moving the address", retry_after=0)
    for earlier in ours.keys() - {name}:
        cluster.remove(earlier)
    return Ready()


@hookimpl
def lading_scoring_uri(deployment: Deployment[ClusterOptions]) -> ScoringUri | NoScoringUri:
    name = cluster_of(deployment).leads_to(deployment.service)
    if name is None:
        return NoScoringUri(reason=f"nothing is called {deployment.service} in the cluster")
    return ScoringUri(uri=cluster_of(deployment).uri(deployment.service))


@hookimpl
def lading_status(deployment: Deployment[ClusterOptions]) -> Status:
    tags = servers_of(deployment).get(cluster_of(deployment).leads_to(deployment.service) or "")
    if tags is None:
        return Status(state=State.ABSENT)
    return Status(
        state=State.RUNNING,
        package_digest=tags["lading.package"],
        model_sha256=tags["lading.model"],
        release_id=tags["lading.release-id"],
    )


@hookimpl
def lading_delete(deployment: Deployment[ClusterOptions], context: Context) -> DeleteStep:
    cluster, servers = cluster_of(deployment), sorted(servers_of(deployment))
    if cluster.leads_to(deployment.service) in servers:
        cluster.close(deployment.service)
    if not servers:
        return Done()
    context.intend(f"server/{servers[0]}/delete")
    cluster.remove(servers[0])
    return Pending(phase="removing the servers", detail=servers[0], retry_after=0)


@hookimpl
def lading_list(request: ListRequest[ClusterOptions]) -> Listing:
    servers = cluster_of(request.deployment).servers().items()
    return Listing(objects=tuple(listed(name, tags) for name, tags in servers if "lading.service" in tags))


def listed(name: str, tags: Tags) -> Listed:
    return Listed(
        name=name,
        service=tags["lading.service"],
        target=tags.get("lading.target", ""),
        state=State.RUNNING,
        release=int(tags["lading.release"]) if "lading.release" in tags else None,
        release_id=tags.get("lading.release-id"),
        package_digest=tags.get("lading.package"),
        model_sha256=tags.get("lading.model"),
    )


def cluster_of(deployment: Deployment[ClusterOptions]) -> Cluster:
    options = deployment.options
    return Cluster(options.folder, options.gateway)


def servers_of(deployment: Deployment[ClusterOptions]) -> dict[str, Tags]:
    """The servers of this deployment, of all stores: those with its tags."""
    wanted = (deployment.service, deployment.target)
    servers = cluster_of(deployment).servers()
    return {
        name: tags
        for name, tags in servers.items()
        if (tags.get("lading.service"), tags.get("lading.target")) == wanted
    }
