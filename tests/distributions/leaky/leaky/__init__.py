"""Targets like the harbour's `quay`, each of which breaks one rule of the conformance kit, as its name says."""

import os
import time
from dataclasses import dataclass, replace
from types import MappingProxyType, SimpleNamespace

from harbour.berths import Berth, BerthOptions, moor, sink

from lading import Capability, Failed, InputPath, Logs, Options, Pending, ScoringUri, State, Status, hookimpl


class Sleepy(Berth):
    @hookimpl
    def lading_status(self, deployment, context):
        time.sleep(0.01)
        return super().lading_status(deployment, context)


class Chatty(Berth):
    @hookimpl
    def lading_scoring_uri(self, deployment, context):
        print("looking for it")
        return super().lading_scoring_uri(deployment, context)


class Twice(Berth):
    """Moors a second ship where it should wait for the first."""

    @hookimpl
    def lading_deploy(self, request, context):
        step = super().lading_deploy(request, context)
        twin = context.work / f"{request.release + 1000}.json"
        if isinstance(step, Pending) and not twin.exists():
            context.intend(f"ship/{request.release}")
            moor(replace(request, release=request.release + 1000), context.work, twin, self.key)
        return step


class Tattler(Berth):
    @hookimpl
    def lading_status(self, deployment, context):
        return replace(super().lading_status(deployment, context), detail=f"with {os.environ['HARBOUR_PASSWORD']}")


@dataclass(frozen=True)
class VagueOptions(Options):
    depth: int = 10
    """In metres; a model of more tons runs aground."""
    chart: InputPath | None = None
    """Where it is deep enough."""
    berths: int = 1


class Blind(Berth):
    """Says that nothing is there while it serves."""

    @hookimpl
    def lading_status(self):
        return Status(State.ABSENT)


class Boastful(Berth):
    """Declares logs and has none."""

    @hookimpl
    def lading_describe(self):
        found = super().lading_describe()
        return replace(found, capabilities=found.capabilities | {Capability.LOGS})


class Modest(Berth):
    """Has logs and does not say so."""

    @hookimpl
    def lading_logs(self, request):
        return Logs(lines=())


class Wordy(Berth):
    """Gives its whole log to who asks for the last line."""

    @hookimpl
    def lading_describe(self):
        found = super().lading_describe()
        return replace(found, capabilities=found.capabilities | {Capability.LOGS})

    @hookimpl
    def lading_logs(self, request):
        lines = ("the model is loaded", "the model says 1")
        return Logs(lines=() if request.cursor else lines, cursor="2")


class Stiff(Berth):
    """Answers with what cannot be pickled."""

    @hookimpl
    def lading_scoring_uri(self, deployment, context):
        found = super().lading_scoring_uri(deployment, context)
        return replace(found, devices=MappingProxyType({})) if isinstance(found, ScoringUri) else found


class Ghost(Berth):
    """Sinks a ship and keeps its papers."""

    @hookimpl
    def lading_delete(self, deployment, context):
        served = context.work / "served.json"
        papers = served.read_text()
        super().lading_delete(deployment, context)
        served.write_text(papers)
        return Status(State.ABSENT)


class Anchored(Berth):
    """Cannot be deleted, though it declares so."""

    @hookimpl
    def lading_delete(self, deployment, context):
        super().lading_delete(deployment, context)
        return Status(State.FAILED, detail="the anchor is stuck")


class Careless(Berth):
    """Sinks what serves when the new one is refused."""

    @hookimpl
    def lading_deploy(self, request, context):
        if request.verdict is not None and not request.verdict.up:
            sink(context.work / "served.json")
        return super().lading_deploy(request, context)


class Drifting(Berth):
    """Forgets where it answered."""

    @hookimpl
    def lading_deploy(self, request, context):
        if request.verdict is not None:
            (context.work / "uri").unlink(missing_ok=True)
        return super().lading_deploy(request, context)


class Mirage(Berth):
    """Has an address before there is a ship, and after it."""

    @hookimpl
    def lading_scoring_uri(self, deployment, context):
        found = super().lading_scoring_uri(deployment, context)
        return found if isinstance(found, ScoringUri) else ScoringUri("http://127.0.0.1:9/score")


class Mumbling(Berth):
    """Says in two lines what it is."""

    @hookimpl
    def lading_describe(self):
        return replace(super().lading_describe(), summary="a place for a ship,\nor for two")


class Sly(Berth):
    """Names nothing of what it is about to do."""

    @hookimpl
    def lading_deploy(self, request, context):
        return super().lading_deploy(request, SimpleNamespace(work=context.work, intend=lambda name: None))


class Amnesiac(Berth):
    """Does not take up what another process has begun."""

    def __init__(self, **options):
        super().__init__(**options)
        self.begun = set()

    @hookimpl
    def lading_deploy(self, request, context):
        begun, self.begun = request.release in self.begun, {*self.begun, request.release}
        if (context.work / f"{request.release}.json").exists() and not begun:
            return Failed("somebody has been here")
        return super().lading_deploy(request, context)


sleepy = Sleepy(keeps=True, options=BerthOptions)
chatty = Chatty(keeps=True, options=BerthOptions)
twice = Twice(keeps=True, options=BerthOptions)
tattler = Tattler(keeps=True, options=BerthOptions)
vague = Berth(keeps=True, options=VagueOptions)
blind = Blind(keeps=True, options=BerthOptions)
boastful = Boastful(keeps=True, options=BerthOptions)
modest = Modest(keeps=True, options=BerthOptions)
wordy = Wordy(keeps=True, options=BerthOptions)
stiff = Stiff(keeps=True, options=BerthOptions)
ghost = Ghost(keeps=True, options=BerthOptions)
anchored = Anchored(keeps=True, options=BerthOptions)
careless = Careless(keeps=True, options=BerthOptions)
drifting = Drifting(keeps=True, options=BerthOptions)
mirage = Mirage(keeps=True, options=BerthOptions)
mumbling = Mumbling(keeps=True, options=BerthOptions)
sly = Sly(keeps=True, options=BerthOptions)
amnesiac = Amnesiac(keeps=True, options=BerthOptions)
