"""Calls the hooks of the target `managed-online` as the framework does, on a workspace in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from azure.core.credentials import AccessToken
from tests.hook_kit import MemoryContext, context_in
from tests.targets.azureml_online.memory_azure import PLACE, MemoryAzure
from tests.targets.target_kit import package_in, tags_of

from lading import (
    Candidate,
    DeleteStep,
    Deployment,
    DeployRequest,
    DeployStep,
    Failed,
    Image,
    Pending,
    Ready,
    Share,
    ShiftRequest,
    ShiftStep,
    Status,
    Transient,
    Verdict,
)
from lading_azureml_online.managed import lading_deploy, lading_shift, lading_status
from lading_azureml_online.options import BaseEnvironment, ManagedOptions
from lading_azureml_v2.connection import connect
from lading_azureml_v2.options import AzureV2Options
from lading_azureml_v2.workspace import Workspace

_MOST_STEPS = 60
BASE = BaseEnvironment(image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04")
CONDA = {"name": "salary", "dependencies": ["python=3.11", {"pip": ["scikit-learn==1.7.2"]}]}
MODEL = f"{PLACE}/models/sal_model/versions/sha256-{'a' * 16}"
Step = TypeVar("Step", bound=DeployStep | DeleteStep | ShiftStep)
UP = Verdict(up=True)


class _Credential:
    def get_token(self, scope: str) -> AccessToken:
        return AccessToken(f"token for {scope}", 1767322800)


class Hooks:
    """One deployment, `salary` on the target `t`."""

    def __init__(self, azure: MemoryAzure, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lading_azureml_v2.rest.credential", lambda _auth, _context: lambda _host: _Credential())
        self.azure = azure
        self._folder = folder
        self.context: MemoryContext = context_in(folder)
        self.connect()

    def connect(self) -> None:
        """Open the workspace, as each command does."""
        options = AzureV2Options(subscription_id="s-1", resource_group="mi2", workspace="salary")
        self.context.connection = connect("azureml-v2", options, self.context)
        self.azure.sent.clear()

    @property
    def workspace(self) -> Workspace:
        found: Workspace = self.context.connection.workspace
        return found

    def forget(self) -> None:
        """Empty the folder of the deployment, as on a new machine."""
        shutil.rmtree(self.context.work)
        self.context.work.mkdir()
        self.connect()

    def deployment(self, **options: Any) -> Deployment[ManagedOptions]:
        made = ManagedOptions(**{"instance_type": "Standard_DS2_v2", **options})
        return Deployment(service="salary", target="t", options=made)

    def request(
        self,
        release: int = 1,
        verdict: Verdict | None = None,
        package: int | None = None,
        beside: bool = False,
        force: bool = False,
        **options: Any,
    ) -> DeployRequest[ManagedOptions]:
        packed = package_in(self._folder, digest=digest_of(release if package is None else package))
        return DeployRequest(
            deployment=self.deployment(**options),
            package=packed,
            release=release,
            release_id=id_of(release),
            tags={**tags_of(packed, release=release), "lading.release-id": id_of(release)},
            image=Image(
                reference=f"team.azurecr.io/salary@sha256:{packed.digest}",
                digest=f"sha256:{packed.digest}",
                platform="linux/amd64",
                registry="team.azurecr.io",
            ),
            verdict=verdict,
            beside=beside,
            force=force,
        )

    def step(self, release: int = 1, **more: Any) -> DeployStep:
        return lading_deploy(self.request(release, **more), self.context)

    def until_answer(self, release: int = 1, **more: Any) -> DeployStep:
        """The first step that is not pending. A lost reply is tried again, as the framework does."""
        return settled(lambda: self.step(release, **more))

    def deploy(self, release: int = 1, verdict: Verdict = UP, **more: Any) -> DeployStep:
        """A whole deploy, with the verdict for its candidate."""
        found = self.until_answer(release, **more)
        return self.until_answer(release, verdict=verdict, **more) if isinstance(found, Candidate) else found

    def shift(self, *shares: tuple[int, int, int], **options: Any) -> ShiftStep:
        """A whole shift. A share is a release, its weight and its shadow."""
        wanted = tuple(
            Share(release_id=id_of(number), weight=weight, shadow=shadow) for number, weight, shadow in shares
        )
        request = ShiftRequest(deployment=self.deployment(**options), shares=wanted)
        return settled(lambda: lading_shift(request, self.context))

    @property
    def shares(self) -> list[tuple[str, int, int]]:
        """The releases that the status shows, with their weights and shadows."""
        return sorted((each.release_id, each.weight, each.shadow) for each in self.status.releases)

    @property
    def status(self) -> Status:
        return lading_status(self.deployment(), self.context)

    @property
    def traffic(self) -> dict[str, int]:
        found: dict[str, int] = self.azure.endpoints["salary"]["properties"]["traffic"]
        return found

    @property
    def names(self) -> list[str]:
        """The deployments of the endpoint."""
        return sorted(self.azure.deployments.get("salary", {}))


def settled(step: Callable[[], Step]) -> Step:
    for _ in range(_MOST_STEPS):
        try:
            found = step()
        except Transient:
            continue
        if not isinstance(found, Pending):
            return found
    raise AssertionError(f"still pending after {_MOST_STEPS} steps")


def digest_of(package: int) -> str:
    return f"{package:08x}" * 8


def id_of(release: int) -> str:
    return f"{release:08x}" * 2


def name_of(release: int) -> str:
    """The name of the deployment of a release with the package of the same number."""
    return f"r-{release:08x}-{release:08x}"


def failed(step: DeployStep) -> Failed:
    assert isinstance(step, Failed)
    return step


def ready(step: DeployStep) -> None:
    assert isinstance(step, Ready), step
