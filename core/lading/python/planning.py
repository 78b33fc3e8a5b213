"""Plans from Python: what a deploy would do, kept in a file, and done exactly so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..engine.plan.plan import make_plan, refuse_losses
from ..engine.plan.plan_file import read_plan, write_plan
from ..engine.session.session import Order, open_session
from ..model.planning import Plan
from ..model.records import OnEvent, ignore
from .records import MANIFEST

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
    """What a deploy would do now, and why. Nothing is run or released; targets are asked for their state alone.

    `origin` is a target of the manifest whose settings are compared with those of `targets`; `strict` raises Refused
    where some of them do not come through. `lading.deploy_each(plan=...)` does exactly what the plan says.
    """
    order = Order(
        file=Path(manifest),
        environ=os.environ,
        command=f"lading plan {manifest}",
        store=None if store is None else Path(store),
        targets=tuple(targets),
        timeout=timeout,
        reads=True,
    )
    with open_session(order, on_event) as session:
        made = make_plan(session, origin=origin)
    if strict:
        refuse_losses(made)
    return made
