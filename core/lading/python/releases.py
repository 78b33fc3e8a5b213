"""What was deployed before, the way back to it, and cleaning up after it. No function here prints."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.session.binding import bind_manifest
from ..engine.session.session import Order, open_session
from ..errors import BadInput
from ..manifest import parse, read_bytes
from ..model import Json, Release, Shown
from ..model.records import OnEvent, ignore
from ..store import Store, find_store, open_store
from ..store.report import StoreReport, grant_trust, report
from .live import LiveDeployment
from .records import MANIFEST, reading, warning

if TYPE_CHECKING:
    from ..store.findings import Finding
    from ..store.garbage import Garbage


@dataclass(frozen=True)
class PastRelease(Shown):
    """A release, and the run that trained its model: none where the model came finished."""

    release: Release
    run: str | None = None
    metrics: Mapping[str, Json] = field(default_factory=dict)


def history(
    manifest: str | Path = MANIFEST,
    *,
    targets: Sequence[str] = (),
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> list[PastRelease]:
    """The releases of the manifest's service, newest first, on the named targets or on all; no target is asked.

    Raises BadInput for a target that the manifest does not have.
    """
    file = Path(manifest)
    data = read_bytes(file)
    with reading(file, store, on_event) as opened:
        draft = parse(file, data, os.environ, opened.memory)
        bind_manifest(draft, opened, targets=None, stages=False)  # what is wrong with the core sections is told
        blocks = {ref.name: draft.block(ref.path) for ref in draft.sections() if ref.role == "target"}
        for name in targets:
            if name not in blocks:
                raise BadInput(f"the manifest has no target '{name}'", hint=f"its targets are: {', '.join(blocks)}")
        wanted = {(draft.service_name(blocks[name]), name) for name in targets or blocks}
        return [_past(opened, found) for found in opened.releases.list() if (found.service, found.target) in wanted]


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
    """Bring the package of release `to` up again, as a new release, the way of a deploy.

    By default it is the last release that served another package than the one that is up. It has to answer the golden
    requests that it was accepted with, under the options that the manifest gives the target now. Raises BadInput, with
    the releases that one can go back to, where it is none of them, and NotUp where it does not come up.
    """
    from ..engine.release.rollback import rollback as go_back

    order = Order(
        file=Path(manifest),
        environ=os.environ,
        command=f"lading rollback {manifest}",
        store=None if store is None else Path(store),
        targets=() if target is None else (target,),
        stages=False,
        guards=True,
        timeout=timeout,
        lock_wait=lock_wait,
    )
    with open_session(order, on_event) as session:
        block = session.targets[0]
        done = go_back(session, block, to)
        live = replace(order, targets=(block.name,), guards=False, timeout=None)
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
    """What the store of a manifest holds and nothing needs, of every service in it; removed where `remove` says so.

    Kept is what a release needs that is up or pending, the last `keep` packages that were up on each deployment, every
    registered model, and the model of each training's newest run. Raises Locked while another command uses the store.
    """
    if not remove:
        with reading(manifest, store, on_event) as opened:
            return opened.garbage(keep)
    with closing(open_store(Path(manifest), os.environ, None if store is None else Path(store))) as opened:
        return opened.clean(keep, command=f"lading gc {manifest}", wait=lock_wait)


def repair(
    manifest: str | Path = MANIFEST,
    *,
    fix: bool = False,
    store: str | Path | None = None,
    lock_wait: float = 0.0,
    on_event: OnEvent = ignore,
) -> list[Finding]:
    """What is wrong with the store of a manifest; put right from what is still there where `fix` says so.

    What is damaged is moved aside, into `damaged/` in the store. Raises BadInput where there is no store, Refused for
    one that a newer version of Lading wrote, and Locked while another command uses it.
    """
    from ..store.repair import repair as repair_store

    root = find_store(Path(manifest), os.environ, None if store is None else Path(store)).absolute()
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
    """What the store of a manifest holds, and whether the user trusts it; with `accept` the user does from now on.

    Raises BadInput if there is no store, and Refused if something foreign is in it or others can write to it.
    """
    root = find_store(Path(manifest), os.environ, None if store is None else Path(store))
    if accept:
        grant_trust(root, os.environ)
    return report(root, os.environ)


def _past(store: Store, release: Release) -> PastRelease:
    model = store.models.get(release.model, release.model_version)
    run = store.runs.get(model.run) if model and model.run else None
    return PastRelease(release, run.id, run.metrics) if run else PastRelease(release)
