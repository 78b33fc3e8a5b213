"""The train stage: a fresh run, a run that is known already, or a finished model that only needs to be described."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ... import model
from ...errors import Interrupted, LadingError, StageFailed
from ...model import Column, GoldenRequest, Json, Run
from ...plugin.bound import bind
from ...plugin.catalogue import DEFAULT_TRAINER
from . import cache_keys as keys
from . import reads
from .distributions import snapshot
from .recorded import with_references
from .track import reach_trackers, track_failure, track_run

if TYPE_CHECKING:
    from ...manifest import Section
    from ..session.session import Session


@dataclass(frozen=True)
class Trained:
    """A model in the store's files, and what registering it needs to know.

    `distributions` is the sha256 of the stored snapshot; `modules` are paths relative to the manifest's folder.
    """

    sha256: str
    file_name: str
    framework: str
    framework_version: str
    python: str
    distributions: str
    run: str | None = None
    columns: tuple[Column, ...] = ()
    label: Column | None = None
    modules: tuple[str, ...] = ()
    samples: tuple[GoldenRequest, ...] = ()

    @classmethod
    def known(cls, output: Json) -> Trained:
        """Rebuild from what the store kept."""
        columns = tuple(Column(*pair) for pair in output["columns"])
        label = Column(*output["label"]) if output["label"] else None
        samples = tuple(GoldenRequest(*pair) for pair in output["samples"])
        modules = tuple(output["modules"])
        return cls(**{**output, "columns": columns, "label": label, "modules": modules, "samples": samples})

    def output(self) -> Json:
        """What the store keeps."""
        columns = [[column.name, column.dtype] for column in self.columns]
        label = [self.label.name, self.label.dtype] if self.label else None
        samples = [[sample.request, sample.response] for sample in self.samples]
        return {**vars(self), "columns": columns, "label": label, "modules": list(self.modules), "samples": samples}


def train(session: Session, *, force: bool = False) -> Trained:
    """Train, or reuse the run that the same inputs gave before. Returns the model and what is known of it."""
    section = session.manifest.train
    if section is None:
        return _inspected(session)
    made_from, trained = decide(session, section)
    if force:
        trained = None
    if trained is None or session.store.runs.running(session.manifest.name):
        made_from, trained = _alone(session, section, made_from, trained, force=force)
    else:
        _tell_reused(session, trained)
    keys.remember(session, made_from)
    _track(session, trained)
    return trained


def _track(session: Session, trained: Trained) -> None:
    run = session.store.runs.get(trained.run or "")
    if run is not None:
        track_run(session, run)
    if session.accounts("track", session.manifest.track):
        from .training import tell_trackers

        tell_trackers(session)


def _alone(
    session: Session, section: Section, made_from: keys.Inputs, trained: Trained | None, *, force: bool
) -> tuple[keys.Inputs, Trained]:
    """Train while no other command does, unless one has done so meanwhile; or keep what is `trained`."""
    from .training import training  # where there is nothing to do, this is not loaded

    with training(session, wait=trained is None):
        if trained is None:
            made_from, trained = decide(session, section)
            if trained is None or force:
                return _run(session, section)
    _tell_reused(session, trained)
    return made_from, trained


def _tell_reused(session: Session, trained: Trained) -> None:
    session.events.emit("stage.reused", stage="train", detail=f"run {trained.run}", run=trained.run)


def decide(session: Session, section: Section) -> tuple[keys.Inputs, Trained | None]:
    """What a training depends on, and what the same inputs gave before.

    Raises Refused where that model's file was altered.
    """
    named = _named(session, section)
    made_from = None
    for found in reads.possible(session, named):
        made_from = made_from or found
        known = session.store.reuse.get(found.key)
        if known is not None:
            trained = Trained.known(known)
            session.store.files.check(trained.sha256)
            return found, trained
    return made_from or named, None


def _named(session: Session, section: Section) -> keys.Inputs:
    """What the manifest says that a training depends on."""
    recorded = session.manifest.recorded
    return keys.section_inputs(session, section, **({"samples": recorded} if recorded else {}))


def _run(session: Session, section: Section) -> tuple[keys.Inputs, Trained]:
    session.gate("train")
    reach_trackers(session)
    named = _named(session, section)
    run = _start(session, section, named)
    try:
        track_run(session, run)
        session.events.emit("stage.started", stage="train", run=run.id)
        with session.store.scratch() as folder:
            made = _call_trainer(session, section, folder)
            trained = _keep(session, made, run.id)
            found = reads.digested(session, section, made)
    except BaseException as error:
        failed = _fail(session, run, error)
        if isinstance(error, LadingError) and not isinstance(error, Interrupted):
            track_failure(session, failed)
        raise
    finished = replace(
        run,
        state="finished",
        ended=datetime.now(UTC),
        parameters=session.events.masked(with_references(dict(made.parameters), section)),
        metrics=session.events.masked(made.metrics),
        model_sha256=trained.sha256,
        reads=found or {},
    )
    session.store.runs.save(finished)
    session.events.emit("stage.finished", stage="train", detail=f"run {run.id}", run=run.id, metrics=dict(made.metrics))
    return _remembered(session, section, named, found, trained), trained


def _remembered(
    session: Session, section: Section, named: keys.Inputs, found: reads.Digests | None, trained: Trained
) -> keys.Inputs:
    """Keep what a run gave under its inputs, if they are known and were the same from its start to its end."""
    if found is None:
        return named
    if _named(session, section).key == named.key:
        session.store.reuse.put_all(reads.rows(session, named, found, trained.output()))
    return reads.joined(named, found)


def _fail(session: Session, run: Run, error: BaseException) -> Run:
    """Record that a run failed, and why."""
    reason = error.message if isinstance(error, LadingError) else f"{type(error).__name__}: {error}"
    failed = replace(run, state="failed", ended=datetime.now(UTC), error=session.events.masked(reason))
    session.store.runs.save(failed)
    session.events.emit("stage.failed", stage="train", detail=reason, run=run.id)
    return failed


def _start(session: Session, section: Section, made_from: keys.Inputs) -> Run:
    started = datetime.now(UTC)
    base = session.manifest.file.parent.resolve()
    digests, libraries = made_from.values["inputs"], made_from.values["libraries"]
    run = Run(
        id=f"{started:%Y%m%d-%H%M%S}-{os.urandom(3).hex()}",
        name=session.manifest.name,
        state="running",
        started=started,
        parameters=section.record,
        inputs={os.path.relpath(path, base): digests[field] for field, path in section.inputs.items()},
        libraries={name: version for name, version in libraries.items() if version},
        git_commit=_git_commit(base),
    )
    session.store.runs.save(run)
    return run


def _call_trainer(session: Session, section: Section, folder: Path) -> model.TrainedModel:
    plugin, end = session.plugin(section), session.end()
    recorded = session.manifest.recorded
    named = tuple(section.inputs.values())
    request = model.TrainRequest(
        session.manifest.name, section.options, folder, recorded, project=session.project, named=named
    )
    context = session.context(folder, stage="train", end=end)
    made = session.run_hook(plugin, "lading_train", lambda: plugin.train(request, context), end=end)
    if not made.file.is_file():
        raise StageFailed(f"{plugin.installed} returned no model: {made.file.name} does not exist")
    if recorded and not made.samples:
        raise StageFailed(f"{plugin.installed} records no golden requests", hint="write a list of samples instead")
    return made


def _keep(session: Session, made: model.TrainedModel, run: str | None) -> Trained:
    sha256, _path = session.store.files.put(made.file)
    base = session.manifest.file.parent.resolve()
    return Trained(
        sha256=sha256,
        file_name=made.file.name,
        framework=made.framework,
        framework_version=made.framework_version,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        distributions=snapshot(session.store),
        run=run,
        columns=made.columns,
        label=made.label,
        modules=tuple(os.path.relpath(path.resolve(), base) for path in made.modules),
        samples=made.samples,
    )


def _inspected(session: Session) -> Trained:
    """Describe the file that `register:` names, without loading it."""
    file, key, known = finished_model(session)
    if known is not None:
        return known
    trainer = bind("train", DEFAULT_TRAINER)
    request = model.InspectRequest(file)
    made = session.run_hook(trainer, "lading_inspect", lambda: trainer.inspect(request), end=session.end())
    if made.contents is not None and made.contents.dangerous:
        names = ", ".join(f"{found.module}.{found.name}" for found in made.contents.dangerous[:5])
        session.events.emit(
            "warning",
            stage="train",
            detail=f"{file.name} imports {names} where it is scored; see `lading model inspect`",
        )
    trained = _keep(session, made, None)
    session.store.reuse.put(key, "inspect", trained.output())
    return trained


def finished_model(session: Session) -> tuple[Path, str, Trained | None]:
    """The file that `register:` names, its key, and what is known of it from before."""
    file = session.manifest.register.file
    assert file is not None, "a manifest names either a training or a finished model"
    key = keys.key("inspect", file=file.name, sha256=session.store.digests.file(file))
    known = session.store.reuse.get(key)
    return file, key, None if known is None else Trained.known(known)


def _git_commit(folder: Path) -> str | None:
    from ...base.process import Command, child_environment, run_command

    try:
        finished = run_command(Command(("git", "rev-parse", "HEAD"), folder, child_environment()), timeout=5)
    except OSError:  # no git on this machine
        return None
    return finished.tail[-1] if finished.code == 0 and finished.tail else None
