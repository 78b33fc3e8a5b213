"""Plan from Python: show what a deploy would do, and keep it in a file that a deploy can follow exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..engine.plan.plan import make_plan, refuse_losses
from ..engine.plan.plan_file import read_plan, write_plan
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..model.planning import Plan
from ..model.records import OnEvent, ignore
from ..store import MANIFEST

__all__ = ["plan", "read_plan", "write_plan"]


def plan(
    manifest: str | Path = MANIFEST,
    *,
    targets: Sequence[str] = (),
    origin: str | None = None,
    strict: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> Plan:
    """Plan a deploy, with reasons. Nothing is run or released; targets are asked only for their state.

    `origin` is a target of the manifest whose settings are compared with those of `targets`. `strict` raises Refused if
    a setting is lost. `lading.deploy_each(plan=...)` follows the plan exactly.
    """
    order = Order.of("plan", manifest, Needs.PLAN, store=store, targets=targets, timeout=timeout)
    with open_session(order, on_event) as session:
        made = make_plan(session, origin=origin)
    if strict:
        refuse_losses(made)
    return made
