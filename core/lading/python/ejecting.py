"""Write a release as the files of its platform, from Python."""

from __future__ import annotations

from pathlib import Path

from ..engine import pipeline
from ..engine.release import ejecting
from ..engine.release.ejecting import EXAMPLE, Ejection
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..model.records import OnEvent, ignore
from ..store import MANIFEST

__all__ = ["EXAMPLE", "Ejection", "eject"]


def eject(
    folder: str | Path,
    manifest: str | Path = MANIFEST,
    *,
    target: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> Ejection:
    """Write the release that serves on a target as the files of its platform, into a new folder.

    If nothing is deployed, the release is that of the manifest, which is trained, registered and packaged first. Values
    of variables are left out. `timeout` is in seconds.
    """
    targets = () if target is None else (target,)
    order = Order.of("eject", manifest, Needs.DEPLOY, store=store, targets=targets, timeout=timeout)
    with open_session(order, on_event) as session:
        return ejecting.eject(session, Path(folder), lambda: pipeline.packaged(session))
