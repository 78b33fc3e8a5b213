"""Earlier releases: history, rollback, and removal of unused data. No function here prints."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.session.binding import bind_manifest, no_target
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..model import Json, Release, Shown
from ..model.records import OnEvent, ignore
from ..store import MANIFEST, Store, find_manifest, find_store, has_store, open_store
from ..store.report import StoreReport, grant_trust, report
from .live import LiveDeployment
from .records import drafted, reading, warning

if TYPE_CHECKING:
    from ..store.findings import Finding
    from ..store.garbage import Garbage


@dataclass(frozen=True)
class PastRelease(Shown):
    """A release, and the run that trained its model; None if the model was not trained here."""

    release: Release
    run: str | None = None
    metrics: Mapping[str, Json] = field(default_factory=dict)


class History(list[PastRelease]):
    """Releases, newest first. A notebook shows them as one table."""

    def _repr_html_(self) -> str:
        from .page import table

        return table([_row(past) for past in self]) or "<p>no releases</p>"


def history(
    manifest: str | Path = MANIFEST,
    *,
    targets: Sequence[str] = (),
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> History:
    """The releases of the manifest's service, newest first, on the named targets or on all. No target is queried.

    Raises BadInput for a target that the manifest does not have.
    """
    with drafted(manifest, store, on_event) as (draft, opened):
        bind_manifest(draft, opened, targets=None, needs=Needs.QUESTION)  # reports the problems of the core sections
        services = draft.services()
        for name in targets:
            if name not in services:
                raise no_target(name, services)
        wanted = {(services[name], name) for name in targets or services}
        releases = (found for found in opened.releases.list() if (found.service, found.target) in wanted)
        return History(_past(opened, found) for found in releases)


def rollback(
    manifest: str | Path = MANIFEST,
    *,
    to: int | None = None,
    target: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    lock_wait: float = 0.0,
    on_event: OnEvent = ignore,
) -> LiveDeployment:
    """Deploy the package of release `to` again, as a new release.

    By default it is the last release with another package or other options than the current one. The options of the
    release are restored too, with the present values of their variables. It must answer the golden requests that it was
    accepted with. Raises BadInput with the possible
    releases if `to` is not one of them, and NotUp if it does not start.
    """
    from ..engine.release.rollback import rollback as go_back
    from .lazily import gated_plan

    targets = () if target is None else (target,)
    order = Order.of(
        "rollback", manifest, Needs.ROLLBACK, store=store, targets=targets, timeout=timeout, lock_wait=lock_wait
    )
    if not order.has_store:  # it reports this and does not create a store
        order = replace(order, needs=order.needs & ~Needs.CHANGES)
    with open_session(order, on_event) as session:
        block = session.targets[0]
        session.planner = gated_plan(session, whole=False)
        done = go_back(session, block, to)
        live = replace(order, targets=(block.name,), timeout=None)
        return LiveDeployment(block.service_name, block.name, done.release.number, live)


def gc(
    manifest: str | Path = MANIFEST,
    *,
    keep: int = 3,
    remove: bool = False,
    store: str | Path | None = None,
    lock_wait: float = 0.0,
    on_event: OnEvent = ignore,
) -> list[Garbage]:
    """Find the unused data of a manifest's store, for every service in it. `remove` removes the data.

    Releases that serve or are pending keep the data that they need. Also kept are the last `keep` packages that served
    on each deployment, every registered model, and the model of each training's newest run. Raises Locked while another
    command uses the store.
    """
    named = None if store is None else Path(store)
    if not (remove and has_store(find_manifest(manifest), os.environ, named)):
        with reading(manifest, store, on_event) as opened:
            return opened.garbage(keep)
    with closing(open_store(find_manifest(manifest), os.environ, named)) as opened:
        return opened.clean(keep, command=f"lading gc {manifest}", wait=lock_wait)


def repair(
    manifest: str | Path = MANIFEST,
    *,
    fix: bool = False,
    store: str | Path | None = None,
    lock_wait: float = 0.0,
    on_event: OnEvent = ignore,
) -> list[Finding]:
    """Check the store of a manifest. `fix` repairs it from the data that still exists.

    Damaged files are moved into `damaged/` in the store. Raises BadInput if the store does not exist, Refused for a
    store from a newer version of Lading, and Locked while another command uses it.
    """
    from ..store.repair import repair as repair_store

    root = find_store(find_manifest(manifest), os.environ, None if store is None else Path(store)).absolute()
    return repair_store(
        root,
        fix=fix,
        command=f"lading repair {manifest}",
        wait=lock_wait,
        on_remark=lambda remark: on_event(warning(remark)),
    )


def trust_store(
    manifest: str | Path = MANIFEST, *, accept: bool = False, store: str | Path | None = None
) -> StoreReport:
    """Show what the store of a manifest contains, and whether the user trusts it. `accept` trusts it from now on.

    Raises BadInput if the store does not exist, and Refused if it contains foreign files or others can write to it.
    """
    root = find_store(find_manifest(manifest), os.environ, None if store is None else Path(store))
    if accept:
        grant_trust(root, os.environ)
    return report(root, os.environ)


def _row(past: PastRelease) -> dict[str, object]:
    names = ("number", "target", "state", "started", "ended", "package_digest", "model", "model_version", "reason")
    row = {name: getattr(past.release, name) for name in names}
    return {**row, "model_version": row["model_version"] or None, "run": past.run, "metrics": past.metrics}


def _past(store: Store, release: Release) -> PastRelease:
    model = store.models.get(release.model, release.model_version)
    run = store.runs.get(model.run) if model and model.run else None
    return PastRelease(release, run.id, run.metrics) if run else PastRelease(release)
