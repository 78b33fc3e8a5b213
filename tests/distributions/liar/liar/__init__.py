"""Targets like `roll` of `thirdparty`, whose answers differ from their effects. `slow` is correct but late."""

import json
import os
from dataclasses import replace
from pathlib import Path

from thirdparty import Wrong
from thirdparty.targets import Opaque, Place, ProcessTarget, RollOptions, kill_server

from lading import (
    Candidate,
    Context,
    DeleteStep,
    Deployment,
    DeployRequest,
    DeployStep,
    Done,
    Failed,
    NoScoringUri,
    Ready,
    ScoringUri,
    State,
    Status,
    Verdict,
    hookimpl,
)


def lies() -> bool:
    """Whether a target lies from now on. A test requests this after an honest first release."""
    return "LIES" in os.environ


class Hasty(ProcessTarget):
    """Returns Ready at once, and does nothing."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        return Ready() if lies() else super().lading_deploy(request, context)


class Stubborn(ProcessTarget):
    """Serves a release even if its verdict is bad."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        refused = request.verdict is not None and not request.verdict.up
        return super().lading_deploy(replace(request, verdict=Verdict(up=True)) if refused else request, context)


class Rash(ProcessTarget):
    """Serves a release before its golden requests are sent."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        step = super().lading_deploy(request, context)
        if isinstance(step, Candidate):
            return super().lading_deploy(replace(request, verdict=Verdict(up=True)), context)
        return step


class Hopeful(ProcessTarget):
    """Requests another verdict after a refusal."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        if request.verdict is not None and not request.verdict.up:
            return Candidate(uri=(context.work / f"{request.release_id}.address").read_text())
        return super().lading_deploy(request, context)


class Impostor(ProcessTarget):
    """Serves another package than the requested one."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        other = {**request.tags, "lading.package": "f" * 64}
        return super().lading_deploy(replace(request, tags=other) if lies() else request, context)


class Silent(ProcessTarget):
    """Raises an error instead of a status."""

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        if lies():
            raise ValueError("no words")
        return super().lading_status(deployment, context)


class Neighbour(ProcessTarget):
    """Reports the status of the other service of its target, and does nothing."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        return Ready() if lies() else super().lading_deploy(request, context)

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        beside = [path for path in context.work.parent.parent.glob("*/*/served.json") if path.parent != context.work]
        served = next(iter(beside), Path())
        if not lies() or not served.is_file():
            return super().lading_status(deployment, context)
        return Status(state=State.RUNNING, package_digest=json.loads(served.read_text())["tags"]["lading.package"])


class Secretive(Opaque):
    """Has no status. It returns Ready after its candidate is accepted, although the old release still serves."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        if lies() and request.verdict is not None:
            return Ready()
        return super().lading_deploy(request, context)


class Wasteful(ProcessTarget):
    """Removes the old release before the new one serves, which then fails."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        if os.environ.pop("LIES", ""):
            kill_server(context.work / "served.json")
            return Failed(reason="no more room")
        return super().lading_deploy(request, context)


class Garbled(ProcessTarget):
    """Lets the new release serve, and then breaks the contract."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        step = super().lading_deploy(request, context)
        return "done" if isinstance(step, Ready) and os.environ.pop("LIES", "") else step


class Misdirected(ProcessTarget):
    """Sends its golden requests to another address, the one that LIES has."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        return Candidate(uri=os.environ["LIES"]) if lies() else super().lading_deploy(request, context)

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        return ScoringUri(uri=os.environ["LIES"]) if lies() else super().lading_scoring_uri(deployment, context)


class Careless(ProcessTarget):
    """Returns Done at once, and the server stays."""

    @hookimpl
    def lading_delete(self, deployment: Deployment, context: Context) -> DeleteStep | Wrong:
        return Done() if lies() else super().lading_delete(deployment, context)


class Hidden(Opaque):
    """Returns Done at once, and has no status that shows the server."""

    @hookimpl
    def lading_delete(self, deployment: Deployment, context: Context) -> DeleteStep | Wrong:
        return Done() if lies() else super().lading_delete(deployment, context)


class Slow(ProcessTarget):
    """Reports a status that is late by one look, after a deploy and after a delete."""

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        looked = context.work / "looked"
        if looked.exists():
            return super().lading_status(deployment, context)
        looked.touch()
        return Status(state=State.PENDING, detail="the platform starts")

    @hookimpl
    def lading_delete(self, deployment: Deployment, context: Context) -> DeleteStep | Wrong:
        (context.work / "looked").unlink(missing_ok=True)
        return super().lading_delete(deployment, context)


class WithoutAddress(Opaque):
    """Has no status, and returns no address of its service."""

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        return NoScoringUri(reason="it answers inside its network")


class Unreachable(Opaque):
    """Has no status, and starts nothing. The address of its service, and of its candidate, is in LIES."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        if not lies():
            return super().lading_deploy(request, context)
        if not self.keeps:
            return Ready()
        if request.verdict is None:
            return Candidate(uri=os.environ["LIES"])
        return Ready() if request.verdict.up else Failed(reason=request.verdict.reason)

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        return ScoringUri(uri=os.environ["LIES"]) if lies() else super().lading_scoring_uri(deployment, context)


hasty = Hasty(keeps=True, options=RollOptions)
stubborn = Stubborn(keeps=True, options=RollOptions)
rash = Rash(keeps=True, options=RollOptions)
hopeful = Hopeful(keeps=True, options=RollOptions)
impostor = Impostor(keeps=True, options=RollOptions)
silent = Silent(keeps=True, options=RollOptions)
neighbour = Neighbour(keeps=True, options=RollOptions)
secretive = Secretive(keeps=True, options=RollOptions)
wasteful = Wasteful(keeps=True, options=RollOptions)
garbled = Garbled(keeps=True, options=RollOptions)
misdirected = Misdirected(keeps=True, options=RollOptions)
careless = Careless(keeps=True, options=RollOptions)
hidden = Hidden(keeps=True, options=RollOptions)
slow = Slow(keeps=True, options=RollOptions)
without_address = WithoutAddress(keeps=True, options=RollOptions)
unreachable = Unreachable(keeps=False, options=RollOptions)
unreachable_candidate = Unreachable(keeps=True, options=RollOptions)
