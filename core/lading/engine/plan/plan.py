"""What a deploy would do now: the decisions of the stages, taken without acting on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ...errors import Refused
from ...model.planning import Action, Change, Plan, PlannedStage, Setting
from ..release.portability import compare, first_deploy
from ..release.service import Service
from ..stages import cache_keys as keys
from ..stages import package as package_stage
from ..stages import register as register_stage
from ..stages import train as train_stage
from ..stages.track import lacking
from .differences import changes, reason
from .plan_deploy import plan_deploy

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import ModelVersion, Package
    from ..session.session import Session
    from ..stages.train import Trained


def make_plan(session: Session, *, origin: str | None = None) -> Plan:
    """What `deploy` would do with this session; nothing is run, released or written to a target.

    The settings of the target `origin` are compared with those of each chosen target, which then need not be within
    reach; where none is named, those of the target that a first deploy comes from.
    """
    order, manifest = session.order, session.manifest
    surroundings = _surroundings(session)
    return Plan(
        manifest=str(order.file),
        service=manifest.name,
        targets=tuple(manifest.targets),
        created=datetime.now(UTC),
        stages=tuple(_stages(session, blind=origin is not None)),
        settings=tuple(_settings(session, origin)),
        store=None if order.store is None else str(order.store),
        key=surroundings.key,
        inputs=surroundings.record,
    )


def refuse_losses(plan: Plan) -> None:
    """Raise Refused where settings do not come through whole."""
    if plan.losses:
        lost = "\n".join(f"  {s.name} on '{s.target}' ({s.fate}): {s.detail}" for s in plan.losses)
        raise Refused(
            f"settings of '{plan.losses[0].origin}' would be lost:\n{lost}", hint="leave out --strict to go on"
        )


def _settings(session: Session, origin: str | None) -> Iterator[Setting]:
    for target in session.targets:
        if origin is None:
            yield from first_deploy(session, target)
        elif origin != target.name:
            yield from compare(session, target, origin)


def _surroundings(session: Session) -> keys.Inputs:
    """What the manifest says beside the stages, and a deploy goes by."""
    manifest = session.manifest
    sections = {".".join(map(str, section.path)): section for section in _beside(session)}
    samples = [[sample.request, sample.response, sample.tolerance] for sample in manifest.samples]
    return keys.inputs(
        "manifest",
        {name: section.value for name, section in sections.items()},
        {name: section.record for name, section in sections.items()},
        plugins={name: section.plugin for name, section in sections.items()},
        package={"samples": manifest.recorded or keys.key("samples", of=samples)},
        register={"to": list(manifest.register.to)},
        track=list(manifest.track),
    )


def _beside(session: Session) -> tuple[Section, ...]:
    manifest = session.manifest
    return (*manifest.connections.values(), *manifest.gates, *manifest.observers)


def _stages(session: Session, *, blind: bool) -> Iterator[PlannedStage]:
    """Each stage with what the one before gives; `waits` is the first whose output is not known before it has run."""
    stage, trained = _train(session)
    yield stage
    waits = "" if trained else "train"
    stage, version = _register(session, trained, waits)
    yield stage
    waits = waits or ("" if version else "register")
    stage, package = _package(session, version, waits)
    yield stage
    waits = waits or ("" if package else "package")
    for target in session.targets:
        yield plan_deploy(Service(session, target), package, waits, blind=blind)


def _train(session: Session) -> tuple[PlannedStage, Trained | None]:
    section = session.manifest.train
    if section is None:
        return _finished(session)
    made_from, trained = train_stage.decide(session, section)
    outputs = {"run": trained.run if trained else None}
    stage = _planned(session, made_from, "train", found=trained is not None, outputs=outputs)
    run = session.store.runs.get(trained.run or "") if trained else None
    return _also(stage, "the run is logged there", lacking(session, run)), trained


def _finished(session: Session) -> tuple[PlannedStage, Trained | None]:
    _file, key, known = train_stage.finished_model(session)
    reason = "the manifest names a finished model" if known else "the manifest names a finished model, not seen before"
    return PlannedStage("train", Action.LEAVE, reason, key=key), known


def _register(session: Session, trained: Trained | None, waits: str) -> tuple[PlannedStage, ModelVersion | None]:
    made_from = register_stage.inputs(session, trained)
    version = register_stage.found(session, made_from) if trained else None
    outputs = {"model": f"{version.name}:{version.version}" if version else None}
    stage = _planned(session, made_from, "register", found=version is not None, outputs=outputs, waits=waits)
    elsewhere = register_stage.lacking(session, version) if version else []
    return _also(stage, "the version is registered there", elsewhere), version


def _package(session: Session, version: ModelVersion | None, waits: str) -> tuple[PlannedStage, Package | None]:
    made_from = package_stage.inputs(session, version)
    package = package_stage.found(session, made_from, version) if version else None
    outputs = {"digest": package.digest if package else None}
    return _planned(session, made_from, "package", found=package is not None, outputs=outputs, waits=waits), package


def _planned(
    session: Session,
    made_from: keys.Inputs,
    block: str,
    *,
    found: bool,
    outputs: Mapping[str, str | None],
    waits: str = "",
) -> PlannedStage:
    """A stage of which nothing is asked but the store."""
    last = keys.last_made(session, made_from.stage)
    changed = () if found else changes(session, made_from, last, block)
    certain = found or last is None or bool(changed) or not waits
    return PlannedStage(
        stage=made_from.stage,
        action=Action.REUSE if found else Action.UPDATE if last else Action.CREATE,
        reason="unchanged" if found else reason(last, changed, waits) or "its last result cannot be used again",
        known_after="" if certain else waits,
        changes=changed,
        outputs=outputs,
        key=made_from.key,
        inputs=made_from.record,
    )


def _also(stage: PlannedStage, what: str, connections: list[str]) -> PlannedStage:
    """The stage, with what is done at the connections that have not had its output yet."""
    if not connections:
        return stage
    more = tuple(Change(f"connections.{name}", note=what) for name in connections)
    if stage.action is Action.REUSE:
        stage = replace(stage, action=Action.UPDATE, reason="not everywhere yet")
    return replace(stage, changes=(*stage.changes, *more))
