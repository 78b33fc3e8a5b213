"""Check the targets before a deploy, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..engine.release.preflight import Preflight, look
from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..model.records import OnEvent, ignore
from ..store import MANIFEST

__all__ = ["Preflight", "preflight"]


def preflight(
    manifest: str | Path = MANIFEST,
    *,
    targets: Sequence[str] = (),
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> tuple[Preflight, ...]:
    """Ask the targets which problems would stop a deploy. No object or file is created or changed."""
    order = Order.of("preflight", manifest, Needs.PREFLIGHT, store=store, targets=targets, timeout=timeout)
    with open_session(order, on_event) as session:
        return tuple(look(Service(session, target)) for target in session.targets)
