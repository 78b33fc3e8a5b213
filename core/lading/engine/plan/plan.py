"""Plan a deploy: decide what each stage would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...errors import Refused
from ...model.planning import Action, Change, Plan, PlannedStage, Setting
from ..pipeline import STAGES
from ..release.portability import compare, first_deploy
from ..release.service import Service
from ..stages import cache_keys as keys
from ..stages.stage import Making, Stage
from .differences import changes, reason
from .plan_deploy import plan_deploy

if TYPE_CHECKING:
    from ...manifest import Section
    from ..session.session import Session


def make_plan(session: Session, *, origin: str | None = None, stages: Sequence[Stage] = STAGES) -> Plan:
    """Plan what `deploy` would do with this session. Nothing is run or released, and no target is changed.

    The settings of the target `origin` are compared with those of each chosen target. Then the chosen targets need not
    be reachable. Without `origin`, the target that a first deploy comes from is compared.
    """
    order, manifest = session.order, session.manifest
    surroundings = _surroundings(session)
    return Plan(
        manifest=str(order.file),
        service=manifest.name,
        targets=tuple(manifest.targets),
        created=datetime.now(UTC),
        stages=tuple(_stages(session, stages, blind=origin is not None)),
        settings=tuple(_settings(session, origin)),
        store=None if order.store is None else str(order.store),
        key=surroundings.key,
        inputs=surroundings.record,
    )


def refuse_losses(plan: Plan) -> None:
    """Raise Refused if settings cannot be carried over completely."""
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
    """The parts of the manifest outside the stages that affect a deploy."""
    manifest = session.manifest
    sections = {".".join(map(str, section.path)): section for section in _other_sections(session)}
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


def _other_sections(session: Session) -> tuple[Section, ...]:
    manifest = session.manifest
    return (*manifest.connections.values(), *manifest.gates, *manifest.observers)


def _stages(session: Session, stages: Sequence[Stage], *, blind: bool) -> Iterator[PlannedStage]:
    """Each stage with the output of the one before. `waits` is the first stage whose output is unknown
    until it runs.
    """
    output: Any = None
    waits = ""
    for stage in stages:
        if isinstance(stage, Making):
            if not stage.applies(session):
                continue
            planned, output = _making(session, stage, output, waits)
            yield planned
            waits = waits or ("" if output is not None else stage.name)
        else:
            for target in session.targets:
                yield plan_deploy(Service(session, target), output, waits, blind=blind)


def _making(session: Session, stage: Making[Any, Any], upstream: Any, waits: str) -> tuple[PlannedStage, Any]:
    """A stage before the package, and its output if that is known."""
    left = stage.left(session)
    if left is not None:
        return left
    stage_inputs = stage.inputs(session, upstream)
    output = None if waits else stage.find(session, stage_inputs, upstream)
    if output is None:
        stage.judge(session, upstream)
    planned = _planned(session, stage_inputs, found=output is not None, outputs=stage.planned(output), waits=waits)
    return _with_connections(planned, stage.elsewhere, stage.lacking(session, output)), output


def _planned(
    session: Session,
    stage_inputs: keys.Inputs,
    *,
    found: bool,
    outputs: Mapping[str, str | None],
    waits: str,
) -> PlannedStage:
    """Plan a stage that needs only the store."""
    last = keys.last_made(session, stage_inputs.stage)
    changed = () if found else changes(session, stage_inputs, last, stage_inputs.stage)
    certain = found or last is None or bool(changed) or not waits
    return PlannedStage(
        stage=stage_inputs.stage,
        action=Action.REUSE if found else Action.UPDATE if last else Action.CREATE,
        reason="unchanged" if found else reason(last, changed, waits) or "its last result cannot be used again",
        known_after="" if certain else waits,
        changes=changed,
        outputs=outputs,
        key=stage_inputs.key,
        inputs=stage_inputs.record,
    )


def _with_connections(stage: PlannedStage, what: str, connections: list[str]) -> PlannedStage:
    """The stage, with the actions for the connections that do not have its output yet."""
    if not connections:
        return stage
    more = tuple(Change(field=f"connections.{name}", note=what) for name in connections)
    if stage.action is Action.REUSE:
        stage = replace(stage, action=Action.UPDATE, reason="some connections do not have it yet")
    return replace(stage, changes=(*stage.changes, *more))
