"""Deploys of one service with the steps of the target, and its canaries, against an API server in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.fake_cluster import FakeCluster
from tests.targets.target_kit import bound, package_in, tags_of

from lading import (
    Candidate,
    Deployment,
    DeployRequest,
    DeployStep,
    Image,
    Json,
    Pending,
    Ready,
    Share,
    ShiftRequest,
    ShiftStep,
    Verdict,
)
from lading_kubernetes import shifting
from lading_kubernetes.asking import status
from lading_kubernetes.deploying import step
from lading_kubernetes.keys import keys
from lading_kubernetes.options import KubernetesOptions
from lading_kubernetes.owning import release_name

Request = DeployRequest[KubernetesOptions]


def id_of(release: int) -> str:
    """The id of a release, which differs in its first digits."""
    return f"{release:08x}{'0' * 8}"


class Deploys:
    """Deploys of one service with the steps of the target."""

    def __init__(self, folder: Path, cluster: FakeCluster, context: MemoryContext) -> None:
        self._folder, self.cluster, self._context = folder, cluster, context

    def request(self, release: int = 1, block: str = "replicas: 1", written: Json = None) -> Request:
        package = package_in(self._folder)
        options = bound(self._folder, KubernetesOptions, block)
        return DeployRequest(
            deployment=Deployment(service="salary", target="t", options=options, written=written or {}),
            package=package,
            release=release,
            release_id=id_of(release),
            tags={**tags_of(package, release=release), "lading.release-id": id_of(release)},
            image=Image(reference="sha256:1", digest="", platform="linux/amd64", extra={"name": "lading/salary:1"}),
        )

    def step(self, request: Request, *, up: bool | None = None) -> DeployStep:
        verdict = None if up is None else Verdict(up=up, reason="" if up else "[1] is wrong")
        return step(replace(request, verdict=verdict), self._context, self.cluster.client())

    def bring_up(self, request: Request) -> None:
        assert isinstance(self.step(request), Pending)
        self.cluster.complete(release_name(request))
        assert isinstance(self.step(request), Candidate)

    def deploy(self, request: Request) -> DeployStep:
        self.bring_up(request)
        assert isinstance(self.step(request, up=True), Pending)
        return self.step(request, up=True)

    def keys(self, request: Request, rotate: str | None = None) -> None:
        keys(self.cluster.client(), request.deployment, self._context, rotate)

    @property
    def serving(self) -> str:
        return str(self.cluster.objects["Service", "salary"]["spec"]["selector"]["lading.release-id"])


BOTH = {
    "app.kubernetes.io/name": "salary",
    "app.kubernetes.io/managed-by": "lading",
    "lading.group": id_of(1),
}
"""The labels of the pods of both releases."""


class Canary:
    """A service whose release 1 is stable. `block` is that of the target."""

    def __init__(self, folder: Path, cluster: FakeCluster, context: MemoryContext, block: str) -> None:
        self.cluster, self.context, self._block = cluster, context, block
        self.deploys = Deploys(folder, cluster, context)
        assert self.deploys.deploy(self.request(1)) == Ready()

    def request(self, release: int) -> Request:
        return self.deploys.request(release, self._block)

    def beside(self, release: int = 2) -> Request:
        return replace(self.request(release), beside=True)

    def bring_up(self, release: int = 2) -> Request:
        """A release beside the stable one, without requests."""
        request = self.beside(release)
        self.deploys.bring_up(request)
        assert isinstance(self.deploys.step(request, up=True), Pending)
        assert self.deploys.step(request, up=True) == Ready()
        return request

    def shift(self, *shares: tuple[int, int] | tuple[int, int, int]) -> ShiftStep:
        """One step towards the shares, each with its release, its weight and its shadow."""
        wanted = (Share(release_id=id_of(each), weight=weight, shadow=sum(more)) for each, weight, *more in shares)
        request = ShiftRequest(deployment=self.request(1).deployment, shares=tuple(wanted))
        return shifting.step(request, self.context, self.cluster.client())

    def to_the_end(self, *shares: tuple[int, int]) -> ShiftStep:
        """The last step towards the shares. All pods become ready at once."""
        while isinstance(taken := self.shift(*shares), Pending):
            self.complete()
        return taken

    def complete(self) -> None:
        for kind, name in list(self.cluster.objects):
            if kind == "Deployment":
                self.cluster.complete(name)

    @property
    def served(self) -> list[tuple[str, int]]:
        return [(each.release_id, each.weight) for each in self.status.releases]

    @property
    def status(self) -> Any:
        return status(self.request(1).deployment, self.context, self.cluster.client())

    @property
    def selector(self) -> dict[str, str]:
        return dict(self.cluster.objects["Service", "salary"]["spec"]["selector"])

    def pods(self, release: int) -> int:
        return int(self.cluster.objects["Deployment", release_name(self.request(release))]["spec"]["replicas"])

    @property
    def backends(self) -> list[dict[str, Any]]:
        (rule,) = self.cluster.objects["HTTPRoute", "salary"]["spec"]["rules"]
        return list(rule["backendRefs"])
