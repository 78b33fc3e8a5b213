"""Write a plan to a file, read it back, and refuse it if it is stale."""

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
    """Write a plan as JSON, so that `deploy` can do exactly the same. It has only references to variables, not values.

    Raises Transient if the operating system refuses.
    """
    try:
        Path(file).write_text(to_json(plan) + "\n", encoding="utf-8")
    except OSError as error:
        raise Transient(f"{file}: {(error.strerror or str(error)).lower()}", hint="name another file") from error


def read_plan(file: str | Path) -> Plan:
    """Read a plan that `write_plan` wrote. Raises BadInput if the file does not contain one."""
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
        raise TypeError("the manifest, store and targets of a plan must be text")
    return plan


def refuse_stale(session: Session, plan: Plan) -> None:
    """Raise Refused, and name what has changed, if a deploy would not do what the plan shows."""
    now = make_plan(session)
    found = [
        *_changed_manifest(session, plan, now),
        *(line for stage in now.stages for line in _since(session, plan, stage)),
    ]
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        hint = f"`lading plan {plan.manifest} --out FILE` makes a new one"
        raise Refused(f"the plan is stale; since it was made:\n{lines}", hint=hint)


def _changed_manifest(session: Session, plan: Plan, now: Plan) -> Iterator[str]:
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
        yield f"{now.subject}: the target reports another state ({'; '.join(map(str, now.drift)) or 'no drift'})"


def _named(
    session: Session, stage: str, before: Plan | PlannedStage, now: Plan | PlannedStage, block: str
) -> tuple[str, ...]:
    made = Made(before.key, dict(before.inputs))
    return tuple(str(change) for change in compared(stage, made, now.inputs, block, session.order.environ))
