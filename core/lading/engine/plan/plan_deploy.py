"""What a deploy to one target would do now, and where the target contradicts the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import StageFailed, Transient
from ...model import Capability, NoScoringUri, Release, ScoringUri, State, Status
from ...model.planning import Action, Change, Drift, PlannedStage
from ..release import deploy as deploy_stage
from ..release.desired import inputs
from ..release.environment import environment_of, sections, settle_for
from ..stages import cache_keys as keys
from .differences import asked_for, changes, reason

if TYPE_CHECKING:
    from ...model import Package
    from ..release.service import Service


def plan_deploy(service: Service, package: Package | None, waits: str, *, blind: bool) -> PlannedStage:
    """The deploy stage of one target; `package` is None where it is known only after the stage `waits`.

    With `blind` a target that cannot be asked is warned of, and planned for by what the store believes.
    """
    made_from = inputs(service, package)
    if package is not None and not deploy_stage.is_current(service, package):
        settle_for(service, package)  # before anything is asked of the target, as a deploy does
    release, key = deploy_stage.current(service)
    asked = _status(service, blind=blind)
    status = asked or Status(State.UNKNOWN)
    drift = tuple(_drift(release, status))
    planned = PlannedStage(
        stage="deploy",
        target=service.target.name,
        action=Action.REUSE,
        reason="unchanged",
        drift=drift,
        release=release.number if release else None,
        key=made_from.key,
        inputs=made_from.record,
    )
    interrupted = deploy_stage.was_interrupted(service)
    if package is not None and release is not None and key == made_from.key and not interrupted:
        uri = service.scoring_uri() if asked else NoScoringUri("the target cannot be asked")
        serves = deploy_stage.serves(status, uri, package) if asked else None
        if serves is not False:
            return _reused(planned, release, uri, certain=serves is not None)
    last = keys.made_from(service.session, key) if key else None
    action, block = _action(service, release, status), f"targets.{service.target.name}"
    changed = changes(service.session, made_from, last, block)
    if action is Action.CREATE and last is None:
        changed = asked_for(made_from, block)
    certain = not waits or bool(drift or changed or interrupted) or release is None
    why = "the target contradicts the store" if drift else reason(last, changed, waits)
    left = "an interrupted deploy left a release behind" if interrupted else ""
    told = status.detail if status.state is State.UNKNOWN and service.plugin.can(Capability.STATUS) else ""
    return replace(
        planned,
        action=action,
        reason="; ".join(filter(None, (why, left, told))) or "the target does not serve it",
        known_after="" if certain else waits,
        changes=(*changed, *_choices(service, package, waits)),
        outputs={**({"image": None} if service.image else {}), "release": None, "scoring_uri": None},
    )


def _choices(service: Service, package: Package | None, waits: str) -> Iterator[Change]:
    """What the target, or its image, is to install beside the pins, and why.

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
            yield Change(".".join(map(str, (*section.path, "environment"))), note=note)


def _status(service: Service, *, blind: bool) -> Status | None:
    """What the target says; None where it cannot be asked and need not be."""
    try:
        return service.status()
    except (StageFailed, Transient) as error:
        if not blind:
            raise
        detail = f"{service.target.name} cannot be asked, so the plan goes by the store: {error.message}"
        service.session.events.emit("warning", stage="deploy", target=service.target.name, detail=detail)
        return None


def _reused(planned: PlannedStage, release: Release, uri: ScoringUri | NoScoringUri, *, certain: bool) -> PlannedStage:
    address = {"scoring_uri": uri.uri} if isinstance(uri, ScoringUri) else {}
    outputs = {"release": str(release.number), **address}
    if certain:
        return replace(planned, outputs=outputs)
    why = "unchanged, if it answers its golden requests: the target cannot tell"
    return replace(planned, outputs=outputs, reason=why, known_after="deploy")


def _action(service: Service, release: Release | None, status: Status) -> Action:
    told = status.state is not State.UNKNOWN
    exists = status.state is not State.ABSENT if told else release is not None
    if not exists:
        return Action.CREATE
    return Action.UPDATE if service.plugin.can(Capability.KEEPS_OLD_RELEASE) else Action.REPLACE


def _drift(release: Release | None, status: Status) -> Iterator[Drift]:
    """Where the target says something else than the store; a target that cannot tell contradicts nothing."""
    if status.state is State.UNKNOWN:
        return
    believed = State.RUNNING if release else State.ABSENT
    if status.state is not believed:
        yield Drift("state", believed, status.state)
    if release is None or status.state is State.ABSENT:
        return
    for name in ("package_digest", "model_sha256"):
        expected, found = getattr(release, name), getattr(status, name)
        if found != expected:
            yield Drift(name, expected, found)
