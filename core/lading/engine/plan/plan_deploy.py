"""Plan a deploy to one target, and report if the target contradicts the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import StageFailed, Transient
from ...model import Capability, NoScoringUri, Release, ScoringUri, State, Status
from ...model.planning import Action, Change, Drift, PlanEffect, PlannedStage
from ..release import deploy as deploy_stage
from ..release.canaries import ANOTHER, END_IT, canary_of, has_inputs
from ..release.desired import inputs
from ..release.environment import environment_of, sections, settle_for
from ..release.foreseen_moves import foreseen_moves
from ..release.secrets import rotated
from ..stages import cache_keys as keys
from ..stages.train import TRAIN
from .differences import asked_for, changes, reason

if TYPE_CHECKING:
    from ...model import Package
    from ..release.service import Service

FORCED = "asked for with --force"
"""Why a deploy is planned although nothing has changed."""


def plan_deploy(
    service: Service, package: Package | None, waits: str, *, blind: bool, force: bool = False
) -> PlannedStage:
    """Plan the deploy to one target. `package` is None if it is known only after the stage `waits`.

    With `blind`, the store's record counts if the target cannot be queried. `force` plans a release in any case.
    """
    if package is not None and not deploy_stage.is_current(service, package):
        settle_for(service, package)  # like a deploy, before the target is queried
    asked = _status(service, blind=blind)
    planned = _plan_deploy(service, package, waits, asked, force=force)
    canary, rollout = canary_of(service), service.target.rollout
    if canary is not None:
        next_step = _next_step(service, canary, package, waits)
        return replace(planned, reason=f"{planned.reason}; release {canary.number} is a canary{next_step}")
    if asked is not None and (words := _canary_of_others(service, asked)):
        ending = "" if planned.action is Action.REUSE else f": {END_IT}"
        return replace(planned, reason=f"{planned.reason}; {words}{ending}")
    if rollout is not None and planned.action is Action.UPDATE:
        steps = ", ".join(f"{step} %" for step in rollout.steps)
        return replace(planned, reason=f"{planned.reason}; in steps of the requests: {steps}")
    return planned


def _next_step(service: Service, canary: Release, package: Package | None, waits: str) -> str:
    """What a deploy does about a canary. It is refused if the canary is not the desired release."""
    if waits == TRAIN.name or (package is not None and not has_inputs(service, canary, package)):
        return f", and {ANOTHER}: {END_IT}"
    if service.target.rollout is None:
        return f": {END_IT}"
    return f": its rollout continues if {waits} gives the same package" if waits else ": its rollout continues"


def _canary_of_others(service: Service, status: Status) -> str:
    """The canary that another store has beside the release that serves, in words. Empty if there is none."""
    if len(status.releases) < 2:
        return ""
    from ..release.adopting import canary_of_others  # a plan of one release does not need it

    found = canary_of_others(service, status)
    return f"another store has a canary beside it, with {found.weight} % of the requests" if found else ""


def _plan_deploy(
    service: Service, package: Package | None, waits: str, asked: Status | None, *, force: bool
) -> PlannedStage:
    """The plan without a canary. `asked` is the status of the target; None if it cannot be queried."""
    stage_inputs = inputs(service, package)
    release, key = deploy_stage.current(service)
    status = asked or Status(state=State.UNKNOWN)
    drift = tuple(_drift(release, status))
    planned = PlannedStage(
        stage=stage_inputs.stage,
        target=service.target.name,
        action=Action.REUSE,
        reason="unchanged",
        drift=drift,
        release=release.number if release else None,
        key=stage_inputs.key,
        inputs=stage_inputs.record,
    )
    interrupted, secrets = deploy_stage.was_interrupted(service), rotated(service, release)
    unchanged = key == stage_inputs.key and not interrupted and not secrets
    if not force and package is not None and release is not None and unchanged:
        uri = service.scoring_uri() if asked else NoScoringUri(reason="the target cannot be asked")
        serves = deploy_stage.serves(status, uri, package) if asked else None
        if serves is not False:
            reused = _reused(planned, release, uri, certain=serves is not None)
            return _with_old_places(service, _with_edited_samples(service, package, release, reused))
    last = keys.stage_inputs(service.session, key) if key else None
    action = _action(service, release, status)
    changed = tuple(_changes(service, stage_inputs, last, status, secrets, is_new=action is Action.CREATE))
    from ..release.foresight import foreseen  # a plan with nothing to do does not need it

    certain = not waits or bool(drift or changed or interrupted) or release is None
    why = "the target contradicts the store" if drift or status.changed else reason(last, changed, waits)
    left = "an interrupted deploy left a release behind" if interrupted else ""
    unknown = status.detail if status.state is State.UNKNOWN and service.plugin.can(Capability.STATUS) else ""
    return replace(
        planned,
        action=action,
        reason="; ".join(filter(None, (why, left, unknown))) or (FORCED if force else "the target does not serve it"),
        known_after="" if certain else waits,
        changes=(*changed, *_choices(service, package, waits)),
        findings=foreseen(service),
        outputs={**({"image": None} if service.image else {}), "release": None, "scoring_uri": None},
    )


def _changes(
    service: Service,
    stage_inputs: keys.Inputs,
    last: keys.Made | None,
    status: Status,
    secrets: Sequence[str],
    *,
    is_new: bool,
) -> Iterator[Change]:
    """The changes of the manifest and the environment, and then those on the target. Each is named once."""
    block = f"targets.{service.target.name}"
    found = (
        asked_for(stage_inputs, block)
        if is_new and last is None
        else changes(service.session, stage_inputs, last, block, secrets)
    )
    yield from found
    named = {(change.field, change.note) for change in found}
    for name, words in status.changed.items():
        if (field := f"{block}.{name}", words) not in named:
            yield Change(field=field, note=words)


def _with_edited_samples(service: Service, package: Package, release: Release, reused: PlannedStage) -> PlannedStage:
    """The plan of a release that stays, which is asked the samples that the manifest has changed."""
    if not deploy_stage.is_edited(release, deploy_stage.wanted(service.session, package)):
        return reused
    return replace(reused, reason=f"{reused.reason}; its samples changed: it is asked them")


def _with_old_places(service: Service, reused: PlannedStage) -> PlannedStage:
    """The plan of a release that stays, if an earlier deploy could not clear the old place of its service."""
    findings = tuple(map(service.placed, foreseen_moves(service)))
    if not any(found.effect is PlanEffect.MOVED for found in findings):
        return reused
    reason = f"{reused.reason}; its old place is not cleared yet"
    return replace(reused, action=Action.UPDATE, reason=reason, findings=findings)


def _choices(service: Service, package: Package | None, waits: str) -> Iterator[Change]:
    """The requirements that the target, or its image, adds to the pins, with the reasons.

    Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
    """
    for section in sections(service):
        if package is None:
            adds = section.options.installs.adds if section.options.installs else ()
            note = f"{' or '.join(adds)}, known after {waits}" if len(adds) > 1 else ""
        else:
            environment = environment_of(service.session, section, package)
            note = environment.note if environment else ""
        if note:
            yield Change(field=".".join(map(str, (*section.path, "environment"))), note=note)


def _status(service: Service, *, blind: bool) -> Status | None:
    """The status that the target reports; None if it cannot be queried and need not be."""
    try:
        return service.status()
    except (StageFailed, Transient) as error:
        if not blind:
            raise
        detail = f"{service.target.name} cannot be asked, so the plan relies on the store: {error.message}"
        service.emit("warning", detail=detail)
        return None


def _reused(planned: PlannedStage, release: Release, uri: ScoringUri | NoScoringUri, *, certain: bool) -> PlannedStage:
    address = {"scoring_uri": uri.uri} if isinstance(uri, ScoringUri) else {}
    outputs = {"release": str(release.number), **address}
    if certain:
        return replace(planned, outputs=outputs)
    why = "unchanged if it answers its golden requests: the target does not report its state"
    return replace(planned, outputs=outputs, reason=why, known_after=planned.stage)


def _action(service: Service, release: Release | None, status: Status) -> Action:
    is_known = status.state is not State.UNKNOWN
    exists = status.state is not State.ABSENT if is_known else release is not None
    if not exists:
        return Action.CREATE
    return Action.UPDATE if service.plugin.can(Capability.KEEPS_OLD_RELEASE) else Action.REPLACE


def _drift(release: Release | None, status: Status) -> Iterator[Drift]:
    """The differences between the target's status and the store. A target without a status contradicts nothing."""
    if status.state is State.UNKNOWN:
        return
    believed = State.RUNNING if release else State.ABSENT
    if status.state is not believed:
        yield Drift(field="state", believed=believed, found=status.state)
    if release is None or status.state is State.ABSENT:
        return
    for name in ("package_digest", "model_sha256"):
        expected, found = getattr(release, name), getattr(status, name)
        if found != expected:
            yield Drift(field=name, believed=expected, found=found)
