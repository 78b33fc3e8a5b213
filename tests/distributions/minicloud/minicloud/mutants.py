"""Targets like `minicloud`. Each breaks the rule that its name suggests. `all_three` breaks the first three."""

from __future__ import annotations

import json
import os

from lading import (
    Context,
    DeleteStep,
    Deployment,
    DeployRequest,
    DeployStep,
    Done,
    Pending,
    Ready,
    State,
    Status,
    hookimpl,
)

from . import Minicloud, MinicloudOptions, cloud
from .cloud import Cloud


class LeavesCandidates(Minicloud):
    def discard(self, there: Cloud, name: str) -> None:
        """Forget a release that will not serve, without removing it."""


class SwitchesWithGap(Minicloud):
    def switch(self, there: Cloud, name: str, request: DeployRequest[MinicloudOptions], context: Context) -> DeployStep:
        """Refuse requests for 1.5 seconds before the new server gets them."""
        if there.route.get("port") and there.route["server"] != name:
            there.lead_nowhere()
            return Pending(phase="changing over", retry_after=1.5)
        return super().switch(there, name, request, context)


class LeavesModels(Minicloud):
    @hookimpl
    def lading_delete(self, deployment: Deployment[MinicloudOptions], context: Context) -> DeleteStep:
        there = cloud(deployment)
        there.end_front()
        for name in there.servers():
            there.end_server(name)
        return Done()


class AllThree(LeavesModels, SwitchesWithGap, LeavesCandidates):
    pass


class KeepsEarlierReleases(Minicloud):
    def tidy(self, there: Cloud, name: str) -> None:
        """Keep every release that ever served."""


class DoublesWhenKilled(Minicloud):
    """Uses new names in each process, so it does not find the objects of a killed one."""

    def name(self, request: DeployRequest[MinicloudOptions], context: Context) -> str:
        return f"{super().name(request, context)}-{os.getpid()}"

    def switch(self, there: Cloud, name: str, request: DeployRequest[MinicloudOptions], context: Context) -> DeployStep:
        before = there.route.get("server")
        step = super().switch(there, name, request, context)
        if before and before != name:
            there.end_server(before)
            there.remove_model(before)
        return step

    def tidy(self, there: Cloud, name: str) -> None:
        """Keep the objects that it does not know."""


class ReadyTooEarly(Minicloud):
    def switch(self, there: Cloud, name: str, request: DeployRequest[MinicloudOptions], context: Context) -> DeployStep:
        """Report that the new release serves while requests still go to the old one."""
        return Ready() if there.front else super().switch(there, name, request, context)


class RemembersStatus(Minicloud):
    """Reports its own last deploy instead of the state of the platform."""

    def switch(self, there: Cloud, name: str, request: DeployRequest[MinicloudOptions], context: Context) -> DeployStep:
        (context.work / "tags.json").write_text(json.dumps(dict(request.tags)))
        return super().switch(there, name, request, context)

    @hookimpl
    def lading_status(self, deployment: Deployment[MinicloudOptions], context: Context) -> Status:
        found, kept = super().lading_status(deployment, context), context.work / "tags.json"
        if found.state is State.ABSENT or not kept.exists():
            return found
        tags = json.loads(kept.read_text())
        return Status(state=State.RUNNING, package_digest=tags["lading.package"], model_sha256=tags["lading.model"])


class GoesByNumber(Minicloud):
    """Names its objects by the release number, which starts at 1 in each store."""

    def name(self, request: DeployRequest[MinicloudOptions], context: Context) -> str:
        return f"{request.deployment.service}.{request.release}"

    def serves(self, there: Cloud, name: str, request: DeployRequest[MinicloudOptions]) -> bool:
        return there.route.get("server") == name


leaves_candidates = LeavesCandidates()
switches_with_gap = SwitchesWithGap()
leaves_models = LeavesModels()
all_three = AllThree()
keeps_earlier_releases = KeepsEarlierReleases()
doubles_when_killed = DoublesWhenKilled()
ready_too_early = ReadyTooEarly()
remembers_status = RemembersStatus()
goes_by_number = GoesByNumber()
