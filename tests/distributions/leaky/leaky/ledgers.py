"""Accounts that keep models and runs as files in a folder: `ledger` as it should, the others break one rule each."""

import json
import os
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from lading import Description, ModelReference, Options, TrackedRun, hookimpl


@dataclass(frozen=True)
class LedgerOptions(Options):
    folder: str
    """Where the files are."""


class Ledger:
    @hookimpl
    def lading_describe(self):
        return Description(summary="files in a folder", options=LedgerOptions)

    @hookimpl
    def lading_connect(self, request, context):
        context.secret("HARBOUR_PASSWORD")
        return Path(request.options.folder)

    @hookimpl
    def lading_register(self, request, context):
        page = self.page(context.connection / "models" / request.name, request.sha256)
        self.keep(page, self.version(request))
        return ModelReference(registry="ledger", name=request.name, version=page.stem)

    @hookimpl
    def lading_track(self, request, context):
        page = self.page(context.connection / "runs" / request.id, request.id)
        self.keep(page, self.run(request))
        return TrackedRun(tracker="ledger", id=page.stem)

    def page(self, folder, name):
        return folder / f"{name}.json"

    def version(self, request):
        run = request.run.tracked[0].id
        return {"description": request.description, "tags": dict(request.tags), "run": run}

    def run(self, request):
        values = {**request.parameters, **request.metrics}
        return {"state": request.state, "values": values, "error": request.error or ""}

    def keep(self, page, content):
        page.parent.mkdir(parents=True, exist_ok=True)
        scratch = page.with_suffix(".new")
        scratch.write_text(json.dumps(content))
        os.rename(scratch, page)  # noqa: PTH104 - in one step


class Noisy(Ledger):
    def keep(self, page, content):
        time.sleep(0.01)
        print("kept", page)
        super().keep(page, content)


class Gossip(Ledger):
    @hookimpl
    def lading_track(self, request, context):
        url = f"https://me:{os.environ['HARBOUR_PASSWORD']}@ledger.example"
        return replace(super().lading_track(request, context), url=url)


class Forgetful(Ledger):
    """Makes a version of what has one."""

    def page(self, folder, name):
        return super().page(folder, uuid.uuid4().hex if folder.parent.name == "models" else name)


class Mute(Ledger):
    def version(self, request):
        return {**super().version(request), "description": "", "tags": {}}


class Loose(Ledger):
    """Does not say which run a model is of."""

    def version(self, request):
        return {**super().version(request), "run": None}


class Misnaming(Ledger):
    @hookimpl
    def lading_register(self, request, context):
        answer = super().lading_register(request, context)
        return replace(answer, version=f"of-{answer.version}")


class Torn(Ledger):
    """Has a version of each try, and removes the ones before only once it comes to its end."""

    @hookimpl
    def lading_register(self, request, context):
        folder = context.connection / "models" / request.name
        draft = folder / f"{uuid.uuid4().hex}.json"
        self.keep(draft, self.version(request))
        answer = super().lading_register(request, context)
        draft.unlink()
        return answer


class Doubling(Ledger):
    """Makes a run of each time that it is told of one."""

    @hookimpl
    def lading_track(self, request, context):
        page = context.connection / "runs" / request.id / f"{uuid.uuid4().hex}.json"
        self.keep(page, self.run(request))
        return TrackedRun(tracker="ledger", id=page.stem)


class Cheerful(Ledger):
    """Knows of no failure."""

    def run(self, request):
        return {**super().run(request), "state": "running" if request.state == "running" else "finished"}


class Early(Ledger):
    """Takes down the parameters at the start alone."""

    @hookimpl
    def lading_track(self, request, context):
        if request.state == "running":
            return super().lading_track(request, context)
        file = self.page(context.connection / "runs" / request.id, request.id)
        begun = json.loads(file.read_text())["values"] if file.exists() else {}
        return super().lading_track(replace(request, parameters=begun), context)


class Hasty(Ledger):
    """Says that a run has finished before it has its values, and leaves alone what has finished."""

    def keep(self, page, content):
        if page.exists() and json.loads(page.read_text()).get("state") == "finished":
            return
        super().keep(page, {**content, "values": {}} if "values" in content else content)
        super().keep(page, content)


ledger = Ledger()
noisy = Noisy()
gossip = Gossip()
forgetful = Forgetful()
mute = Mute()
loose = Loose()
misnaming = Misnaming()
torn = Torn()
doubling = Doubling()
cheerful = Cheerful()
early = Early()
hasty = Hasty()
