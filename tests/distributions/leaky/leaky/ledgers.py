"""Accounts that store models and runs as files in a folder. `ledger` is correct; each other breaks one rule."""

import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lading import (
    ConnectRequest,
    Context,
    Description,
    Json,
    ModelReference,
    Options,
    RegisterRequest,
    Run,
    TrackedRun,
    hookimpl,
)


@dataclass(frozen=True)
class LedgerOptions(Options):
    folder: str
    """Where the files are."""


class Ledger:
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="files in a folder", api=1, options=LedgerOptions)

    @hookimpl
    def lading_connect(self, request: ConnectRequest[LedgerOptions], context: Context) -> Path:
        context.secret("HOSTING_PASSWORD")
        return Path(request.options.folder)

    @hookimpl
    def lading_register(self, request: RegisterRequest, context: Context) -> ModelReference:
        page = self.page(context.connection / "models" / request.name, request.sha256)
        self.keep(page, self.version(request))
        return ModelReference(registry="ledger", name=request.name, version=page.stem)

    @hookimpl
    def lading_track(self, request: Run, context: Context) -> TrackedRun:
        page = self.page(context.connection / "runs" / request.id, request.id)
        self.keep(page, self.run(request))
        return TrackedRun(tracker="ledger", id=page.stem)

    def page(self, folder: Path, name: str) -> Path:
        return folder / f"{name}.json"

    def version(self, request: RegisterRequest) -> dict[str, Json]:
        assert request.run is not None
        run = request.run.tracked[0].id
        return {"description": request.description, "tags": dict(request.tags), "run": run}

    def run(self, request: Run) -> dict[str, Json]:
        values = {**request.parameters, **request.metrics}
        return {"state": request.state, "values": values, "error": request.error or ""}

    def keep(self, page: Path, content: dict[str, Json]) -> None:
        page.parent.mkdir(parents=True, exist_ok=True)
        scratch = page.with_suffix(".new")
        scratch.write_text(json.dumps(content))
        os.rename(scratch, page)  # noqa: PTH104 - in one step


class Noisy(Ledger):
    def keep(self, page: Path, content: dict[str, Json]) -> None:
        time.sleep(0.01)
        print("kept", page)
        super().keep(page, content)


class Gossip(Ledger):
    @hookimpl
    def lading_track(self, request: Run, context: Context) -> TrackedRun:
        url = f"https://me:{os.environ['HOSTING_PASSWORD']}@ledger.example"
        return replace(super().lading_track(request, context), url=url)


class Forgetful(Ledger):
    """Registers the same model as a new version each time."""

    def page(self, folder: Path, name: str) -> Path:
        return super().page(folder, uuid.uuid4().hex if folder.parent.name == "models" else name)


class Mute(Ledger):
    def version(self, request: RegisterRequest) -> dict[str, Json]:
        return {**super().version(request), "description": "", "tags": {}}


class Loose(Ledger):
    """Does not link a model to its run."""

    def version(self, request: RegisterRequest) -> dict[str, Json]:
        return {**super().version(request), "run": None}


class Misnaming(Ledger):
    @hookimpl
    def lading_register(self, request: RegisterRequest, context: Context) -> ModelReference:
        answer = super().lading_register(request, context)
        return replace(answer, version=f"of-{answer.version}")


class Torn(Ledger):
    """Has a version of each try, and removes the earlier ones only at the end."""

    @hookimpl
    def lading_register(self, request: RegisterRequest, context: Context) -> ModelReference:
        folder = context.connection / "models" / request.name
        draft = folder / f"{uuid.uuid4().hex}.json"
        self.keep(draft, self.version(request))
        answer = super().lading_register(request, context)
        draft.unlink()
        return answer


class Single(Ledger):
    """Reads the model as one file."""

    @hookimpl
    def lading_register(self, request: RegisterRequest, context: Context) -> ModelReference:
        request.file.read_bytes()
        return super().lading_register(request, context)


class Doubling(Ledger):
    """Creates a new run at each call."""

    @hookimpl
    def lading_track(self, request: Run, context: Context) -> TrackedRun:
        page = context.connection / "runs" / request.id / f"{uuid.uuid4().hex}.json"
        self.keep(page, self.run(request))
        return TrackedRun(tracker="ledger", id=page.stem)


class Cheerful(Ledger):
    """Records no failure."""

    def run(self, request: Run) -> dict[str, Json]:
        return {**super().run(request), "state": "running" if request.state == "running" else "finished"}


class Early(Ledger):
    """Records the parameters only at the start of a run."""

    @hookimpl
    def lading_track(self, request: Run, context: Context) -> TrackedRun:
        if request.state == "running":
            return super().lading_track(request, context)
        file = self.page(context.connection / "runs" / request.id, request.id)
        begun = json.loads(file.read_text())["values"] if file.exists() else {}
        return super().lading_track(replace(request, parameters=begun), context)


class Album(Ledger):
    """Stores the names of a run's files too."""

    @hookimpl  # pluggy passes to each implementation only its own arguments
    def lading_track(  # type: ignore[override]
        self, request: Run, context: Context, artifacts: Sequence[Path]
    ) -> TrackedRun:
        page = self.page(context.connection / "runs" / request.id, request.id)
        self.keep(page, {**self.run(request), "artifacts": self.files(artifacts)})
        return TrackedRun(tracker="ledger", id=page.stem)

    def files(self, artifacts: Sequence[Path]) -> list[str]:
        return [file.name for file in artifacts]


class Careless(Album):
    """Stores only the first file."""

    def files(self, artifacts: Sequence[Path]) -> list[str]:
        return super().files(artifacts[:1])


class Hasty(Ledger):
    """Marks a run as finished before its values are stored, and never changes a finished run."""

    def keep(self, page: Path, content: dict[str, Json]) -> None:
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
single = Single()
torn = Torn()
doubling = Doubling()
cheerful = Cheerful()
early = Early()
album = Album()
careless = Careless()
hasty = Hasty()
