"""Targets like `roll` of `thirdparty`. Each breaks the rule of the conformance kit that its name suggests."""

import json
import os
import time
from dataclasses import dataclass, replace
from types import MappingProxyType, SimpleNamespace
from typing import cast

from thirdparty import Wrong
from thirdparty.targets import Place, ProcessTarget, RollOptions, kill_server, listed, start_server

from lading import (
    Capability,
    Context,
    DeleteStep,
    Deployment,
    DeployRequest,
    DeployStep,
    Description,
    Done,
    Failed,
    InputPath,
    Listing,
    Logs,
    LogsRequest,
    NoScoringUri,
    Options,
    Pending,
    ScoringUri,
    State,
    Status,
    hookimpl,
)


class Sleepy(ProcessTarget):
    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        time.sleep(0.01)
        return super().lading_status(deployment, context)


class Chatty(ProcessTarget):
    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        print("looking for it")
        return super().lading_scoring_uri(deployment, context)


class Twice(ProcessTarget):
    """Starts a second server instead of waiting for the first one."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        step = super().lading_deploy(request, context)
        twin = context.work / f"{request.release_id}-twin.json"
        if isinstance(step, Pending) and not twin.exists():
            context.intend(f"server/{request.release_id}")
            start_server(replace(request, release_id=twin.stem), context.work, twin, self.key)
        return step


class Tattler(ProcessTarget):
    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        found = super().lading_status(deployment, context)
        assert isinstance(found, Status)
        return replace(found, detail=f"with {os.environ['HOSTING_PASSWORD']}")


@dataclass(frozen=True)
class VagueOptions(Options):
    depth: int = 10
    """The largest number of a model that starts."""
    table: InputPath | None = None
    """A table of limits."""
    replicas: int = 1


class Blind(ProcessTarget):
    """Reports that its service is absent while it serves, except at the first status of each release."""

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        found = super().lading_status(deployment, context)
        assert isinstance(found, Status)
        seen = context.work / f"{found.release_id}.seen"
        if seen.exists():
            return Status(state=State.ABSENT)
        seen.touch()
        return found


class Boastful(ProcessTarget):
    """Declares logs but has none."""

    @hookimpl
    def lading_describe(self) -> Description:
        found = super().lading_describe()
        return replace(found, capabilities=found.capabilities | {Capability.LOGS})


class Modest(ProcessTarget):
    """Has logs but does not declare them."""

    @hookimpl
    def lading_logs(self, request: LogsRequest) -> Logs:
        return Logs(lines=())


class Wordy(ProcessTarget):
    """Returns its whole log instead of the last line."""

    @hookimpl
    def lading_describe(self) -> Description:
        found = super().lading_describe()
        return replace(found, capabilities=found.capabilities | {Capability.LOGS})

    @hookimpl
    def lading_logs(self, request: LogsRequest) -> Logs:
        lines = ("the model is loaded", "the model says 1")
        return Logs(lines=() if request.cursor else lines, cursor="2")


class Stiff(ProcessTarget):
    """Returns answers that cannot be pickled."""

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        found = super().lading_scoring_uri(deployment, context)
        return replace(found, devices=MappingProxyType({})) if isinstance(found, ScoringUri) else found


class Stale(ProcessTarget):
    """Lists every server that ever ran."""

    @hookimpl
    def lading_describe(self) -> Description:
        found = super().lading_describe()
        return replace(found, capabilities=found.capabilities | {Capability.LIST})

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        (context.work / "tags").write_text(json.dumps(dict(request.tags)))
        return super().lading_deploy(request, context)

    @hookimpl
    def lading_list(self, context: Context) -> Listing:
        tags = context.work / "tags"
        return Listing(objects=(listed(json.loads(tags.read_text()), "a server"),) if tags.exists() else ())


class Ghost(ProcessTarget):
    """Stops a server but keeps its record."""

    @hookimpl
    def lading_delete(self, deployment: Deployment, context: Context) -> DeleteStep | Wrong:
        served = context.work / "served.json"
        papers = served.read_text()
        while isinstance(super().lading_delete(deployment, context), Pending):
            pass
        served.write_text(papers)
        return Done()


class Undeletable(ProcessTarget):
    """Declares that it can delete, but cannot."""

    @hookimpl
    def lading_delete(self, deployment: Deployment, context: Context) -> DeleteStep | Wrong:
        while isinstance(super().lading_delete(deployment, context), Pending):
            pass
        return Failed(reason="the server does not stop")


class Careless(ProcessTarget):
    """Stops the serving release when the new one is refused."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        if request.verdict is not None and not request.verdict.up:
            kill_server(context.work / "served.json")
        return super().lading_deploy(request, context)


class Drifting(ProcessTarget):
    """Forgets its address."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        if request.verdict is not None:
            (context.work / "uri").unlink(missing_ok=True)
        return super().lading_deploy(request, context)


class Mirage(ProcessTarget):
    """Has an address before the first release and after the deletion."""

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        found = super().lading_scoring_uri(deployment, context)
        return found if isinstance(found, ScoringUri) else ScoringUri(uri="http://127.0.0.1:9/score")


class Mumbling(ProcessTarget):
    """Has a summary of two lines."""

    @hookimpl
    def lading_describe(self) -> Description:
        return replace(super().lading_describe(), summary="a server process,\nor two")


class Sly(ProcessTarget):
    """Declares no intent before an effect."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        silent = SimpleNamespace(work=context.work, intend=lambda name: None)
        return super().lading_deploy(request, cast("Context", silent))


class Amnesiac(ProcessTarget):
    """Does not continue the work of another process."""

    def __init__(self, keeps: bool, options: type[Options]) -> None:
        super().__init__(keeps, options)
        self.begun: set[str] = set()

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        begun, self.begun = request.release_id in self.begun, {*self.begun, request.release_id}
        if (context.work / f"{request.release_id}.json").exists() and not begun:
            return Failed(reason="somebody has been here")
        return super().lading_deploy(request, context)


sleepy = Sleepy(keeps=True, options=RollOptions)
chatty = Chatty(keeps=True, options=RollOptions)
twice = Twice(keeps=True, options=RollOptions)
tattler = Tattler(keeps=True, options=RollOptions)
vague = ProcessTarget(keeps=True, options=VagueOptions)
blind = Blind(keeps=True, options=RollOptions)
boastful = Boastful(keeps=True, options=RollOptions)
modest = Modest(keeps=True, options=RollOptions)
wordy = Wordy(keeps=True, options=RollOptions)
stiff = Stiff(keeps=True, options=RollOptions)
stale = Stale(keeps=True, options=RollOptions)
ghost = Ghost(keeps=True, options=RollOptions)
undeletable = Undeletable(keeps=True, options=RollOptions)
careless = Careless(keeps=True, options=RollOptions)
drifting = Drifting(keeps=True, options=RollOptions)
mirage = Mirage(keeps=True, options=RollOptions)
mumbling = Mumbling(keeps=True, options=RollOptions)
sly = Sly(keeps=True, options=RollOptions)
amnesiac = Amnesiac(keeps=True, options=RollOptions)
