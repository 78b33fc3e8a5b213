"""The train stage: a new run, an earlier run with the same inputs, or a finished model that only needs a
description.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ... import model
from ...errors import Interrupted, LadingError, Refused, StageFailed
from ...model.description import Role
from ...store.origin import run_mark
from . import cache_keys as keys
from . import reads
from .scoring_script import check_script, kept_script
from .stage import Making
from .track import lacking, reach_trackers, track_failure, track_run
from .trained import Trained, keep_trained

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json, Run
    from ...model.planning import PlannedStage
    from ..session.session import Session


class _Train(Making[None, Trained]):
    """Trains, or finds the earlier run with the same inputs. A finished model is only described."""

    name = "train"
    elsewhere = "the run is logged there"

    def inputs(self, session: Session, upstream: None = None) -> keys.Inputs:
        """The inputs of a training: those that the manifest names, and the files that an earlier run read."""
        named, newest = _named(session), None
        for possible in reads.possible(session, named):
            if session.store.reuse.get(possible.key) is not None:
                return possible
            newest = newest or possible
        return newest or named

    def find(self, session: Session, stage_inputs: keys.Inputs, upstream: None = None) -> Trained | None:
        """The earlier model with the same inputs. Raises Refused if its file was altered."""
        known = session.store.reuse.get(stage_inputs.key) if reads.are_known(stage_inputs) else None
        if known is None:
            return None
        trained = Trained.known(known)
        session.store.files.check(trained.sha256)
        kept_script(session.store.files, trained.scoring)
        return trained

    def works(self, session: Session) -> bool:
        """Whether the manifest's model must be trained, because no earlier one has the same inputs."""
        return session.manifest.train is not None and self.find(session, self.inputs(session)) is None

    def reach(self, session: Session, upstream: None = None, *, force: bool = False) -> Trained:
        if session.manifest.train is None:
            from .finished import inspected  # a manifest with a training does not load it

            return inspected(session)
        stage_inputs = self.inputs(session)
        trained = self.find(session, stage_inputs)
        if trained is None or force or session.store.runs.running(session.manifest.name):
            trained = self._alone(session, stage_inputs, None if force else trained, force=force)
        else:
            self.reuse(session, stage_inputs, trained)
        _track(session, trained)
        return trained

    def _alone(self, session: Session, stage_inputs: keys.Inputs, trained: Trained | None, *, force: bool) -> Trained:
        """Train under the lock, unless another command has trained meanwhile. Or store the model `trained`."""
        from .training import training  # not loaded if there is nothing to do

        with training(session, self.emitter(session), wait=trained is None):
            if trained is None:
                stage_inputs = self.inputs(session)
                trained = self.find(session, stage_inputs)
                if trained is None or force:
                    return self.run(session)
        self.reuse(session, stage_inputs, trained)
        return trained

    def run(self, session: Session, upstream: None = None) -> Trained:
        """Train in a recorded run, and store its output under all its inputs."""
        from ..session.gates import pass_gates
        from .expected import judge_package

        judge_package(session)
        pass_gates(session, self.name)
        reach_trackers(session)
        named = _named(session)
        run = _start(session, named)
        trained, found = _trained_in(session, run)
        made = _remembered(session, named, found, trained)
        keys.remember(session, made)
        session.store.reuse.put(run_mark(run.id), "run", made.key)
        return trained

    def record(self, output: Trained) -> Json:
        return output.output()

    def describe(self, output: Trained) -> dict[str, Json]:
        return {"detail": f"run {output.run}", "run": output.run}

    def planned(self, output: Trained | None) -> dict[str, str | None]:
        return {"run": output.run if output else None}

    def left(self, session: Session) -> tuple[PlannedStage, Trained | None] | None:
        if session.manifest.train is not None:
            return None
        from ...model.planning import Action, PlannedStage  # loaded only for a plan
        from .finished import foreseen

        key, known = foreseen(session)
        reason = "the manifest names a finished model" + ("" if known else ", not seen before")
        return PlannedStage(stage=self.name, action=Action.LEAVE, reason=reason, key=key), known

    def lacking(self, session: Session, output: Trained | None) -> list[str]:
        return lacking(session, session.store.runs.get(output.run or "") if output else None)


TRAIN = _Train()


def _track(session: Session, trained: Trained) -> None:
    if not session.accounts(Role.TRACK, session.manifest.track):
        return
    from .training import log_interrupted  # most manifests have no tracker

    run, emit = session.store.runs.get(trained.run or ""), TRAIN.emitter(session)
    if run is not None:
        track_run(session, run, emit)
    log_interrupted(session, emit)


def _section(session: Session) -> Section:
    section = session.manifest.train
    assert section is not None, "without this block the model is a finished one"
    return section


def _named(session: Session) -> keys.Inputs:
    """The inputs of a training that the manifest names."""
    recorded = session.manifest.recorded
    return keys.section_inputs(session, TRAIN.name, _section(session), **({"samples": recorded} if recorded else {}))


def _trained_in(session: Session, run: Run) -> tuple[Trained, reads.Digests | None]:
    """Train in a run, and record its result. Returns the model and the files that the training read."""
    from .recorded import with_references  # loaded only if there is something to do
    from .reported import digested

    section, emit = _section(session), TRAIN.emitter(session)
    try:
        track_run(session, run, emit)
        emit("stage.started", run=run.id)
        with session.store.scratch() as folder:
            made = _call_trainer(session, section, folder)
            trained = keep_trained(session, made, run.id)
            found = digested(session, section, made, emit)
    except BaseException as error:
        failed = _fail(session, run, error)
        if isinstance(error, LadingError):
            track_failure(session, failed, emit)
        raise
    finished = replace(
        run,
        state="finished",
        ended=datetime.now(UTC),
        parameters=session.events.redacted(with_references(dict(made.parameters), section)),
        metrics=session.events.redacted(made.metrics),
        model_sha256=trained.sha256,
        reads=found or {},
    )
    session.store.runs.save(finished)
    emit("stage.finished", **TRAIN.describe(trained), metrics=dict(made.metrics))
    return trained, found


def _remembered(session: Session, named: keys.Inputs, found: reads.Digests | None, trained: Trained) -> keys.Inputs:
    """Store a run's output under its inputs, if they are known and did not change during the run."""
    if found is None:
        return named
    if _named(session).key == named.key:
        session.store.reuse.put_all(reads.rows(session, named, found, TRAIN.record(trained)))
    return reads.joined(named, found)


def _fail(session: Session, run: Run, error: BaseException) -> Run:
    """Record that a run failed, and why. An interrupt is not a failure of the stage, so no event reports it as one."""
    reason = error.message if isinstance(error, LadingError | Interrupted) else f"{type(error).__name__}: {error}"
    failed = replace(run, state="failed", ended=datetime.now(UTC), error=session.events.redacted(reason))
    session.store.runs.save(failed)
    if isinstance(error, Exception):
        TRAIN.emitter(session)("stage.failed", detail=reason, run=run.id)
    return failed


def _start(session: Session, stage_inputs: keys.Inputs) -> Run:
    from .training import git_state

    section, started = _section(session), datetime.now(UTC)
    base = session.manifest.file.parent.resolve()
    digests, libraries = stage_inputs.values["inputs"], stage_inputs.values["libraries"]
    run = model.Run(
        id=f"{started:%Y%m%d-%H%M%S}-{os.urandom(3).hex()}",
        name=session.manifest.name,
        state="running",
        started=started,
        parameters=section.record,
        inputs={os.path.relpath(path, base): digests[field] for field, path in section.inputs.items()},
        libraries={name: version for name, version in libraries.items() if version},
        **git_state(base),
    )
    session.store.runs.save(run)
    return run


def _call_trainer(session: Session, section: Section, folder: Path) -> model.TrainedModel:
    plugin, end = session.plugin(section), session.end()
    recorded = session.manifest.recorded
    named = tuple(section.inputs.values())
    request = model.TrainRequest(
        name=session.manifest.name,
        options=section.options,
        folder=folder,
        samples=recorded,
        project=session.project,
        named=named,
        base=session.manifest.file.parent.resolve(),
    )
    context = session.context(folder, stage=TRAIN.name, end=end)
    made = session.run_hook(plugin, "lading_train", lambda: plugin.train(request, context), end=end)
    check_place(made.file, folder, str(plugin.installed))
    if made.scoring is not None:
        check_script(made.scoring, folder, plugin.installed)
    if recorded and not made.samples:
        raise StageFailed(f"{plugin.installed} records no golden requests", hint="write a list of samples instead")
    return made


def check_place(file: Path, folder: Path, plugin: str) -> None:
    """Raise StageFailed if the trainer did not return a file, or a folder with only the model, in its work folder."""
    from ...store.tree import check_part  # if there is nothing to do, this is not loaded

    try:
        check_part(str(file), file.name)
    except Refused as error:
        raise StageFailed(f"{plugin} returned no usable model: {error.message}", hint=error.hint) from error
    if not file.is_file() and not file.is_dir():
        raise StageFailed(f"{plugin} returned no model: {file.name} does not exist")
    if file.is_dir() and file.samefile(folder):
        raise StageFailed(f"{plugin} returned its work folder as the model", hint="save the model in a folder below it")
    if file.is_symlink() or not file.resolve().is_relative_to(folder.resolve()):
        hint = "save the model below request.folder; a link is not followed"
        raise StageFailed(f"{plugin} returned a model that is not in its work folder: {file}", hint=hint)
