"""A plan in a file: written, read back, and refused once it is stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import BadInput, Refused, Transient
from ...model.planning import Plan, PlannedStage
from ...store.codec import from_json, to_json
from ..stages.cache_keys import Made
from .differences import compared
from .plan import make_plan

if TYPE_CHECKING:
    from ..session.session import Session


def write_plan(plan: Plan, file: str | Path) -> None:
    """Write a plan as JSON, for `deploy` to do exactly that. It holds no value of a variable, only the references.

    Raises Transient for what the operating system refuses.
    """
    try:
        Path(file).write_text(to_json(plan) + "\n", encoding="utf-8")
    except OSError as error:
        raise Transient(f"{file}: {(error.strerror or str(error)).lower()}", hint="name another file") from error


def read_plan(file: str | Path) -> Plan:
    """Read a plan that `write_plan` wrote. Raises BadInput where the file holds none."""
    try:
        return _plan(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{file}: {reason}", hint=f"`lading plan --out {file}` makes it") from error
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise BadInput(f"{file} is not a plan", hint=f"`lading plan --out {file}` makes one") from error


def _plan(text: str) -> Plan:
    plan: Plan = from_json(Plan, text)
    if not all(isinstance(word, str) for word in (plan.manifest, plan.store or "", *plan.targets)):
        raise TypeError("a plan names its manifest, store and targets in words")
    return plan


def refuse_stale(session: Session, plan: Plan) -> None:
    """Raise Refused, with what has changed named, where a deploy would not do what the plan says."""
    now = make_plan(session)
    found = [*_beside(session, plan, now), *(line for stage in now.stages for line in _since(session, plan, stage))]
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        hint = f"`lading plan {plan.manifest} --out FILE` makes a new one"
        raise Refused(f"the plan is stale; since it was made:\n{lines}", hint=hint)


def _beside(session: Session, plan: Plan, now: Plan) -> Iterator[str]:
    if plan.key != now.key:
        yield from _named(session, "manifest", plan, now, "") or ("the manifest changed",)


def _since(session: Session, plan: Plan, now: PlannedStage) -> Iterator[str]:
    before = next((stage for stage in plan.stages if stage.subject == now.subject), None)
    if before is None:
        yield f"{now.subject} was not planned"
        return
    if before.key != now.key:
        yield from _named(session, now.stage, before, now, f"targets.{now.target}" if now.target else now.stage)
    if before.action != now.action:
        yield f"{now.subject}: {before.action} was planned, now it is {now.action} ({now.reason})"
    elif before.release != now.release:
        yield f"{now.subject}: release {now.release} is up"
    elif before.drift != now.drift:
        yield f"{now.subject}: the target says something else ({'; '.join(map(str, now.drift)) or 'no drift'})"


def _named(
    session: Session, stage: str, before: Plan | PlannedStage, now: Plan | PlannedStage, block: str
) -> tuple[str, ...]:
    made = Made(before.key, dict(before.inputs))
    return tuple(str(change) for change in compared(stage, made, now.inputs, block, session.order.environ))
