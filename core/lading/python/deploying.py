"""Lading from Python. No function here prints; `on_event` is told what happens.

Every function takes the manifest's path, `lading.yaml` by default, and raises a LadingError for an expected failure:
ManifestError for a wrong manifest, and the others as they say.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine import pipeline
from ..engine.release import deploy as deploy_stage
from ..engine.release.service import Service
from ..engine.session.binding import bind_all
from ..engine.session.session import Order, Session, open_session
from ..engine.stages import train as train_stage
from ..errors import BadInput, Interrupted, LadingError, StageFailed
from ..manifest import read
from ..model import Capability, GoldenRequest, ModelVersion, NoScoringUri, Package, Run, ScoringUri
from ..model.records import OnEvent, ignore
from .live import LiveDeployment
from .records import MANIFEST

if TYPE_CHECKING:
    from ..engine.archive.archive import Archive
    from ..model.planning import Plan


@dataclass(frozen=True)
class Outcome:
    """How the deploy of one target ended: a deployment with its address, or the failure.

    `example` is a command line that sends the manifest's first sample, to paste into a shell.
    """

    target: str
    deployment: LiveDeployment | None = None
    uri: ScoringUri | NoScoringUri | None = None
    example: str | None = None
    reused: bool = False
    error: LadingError | None = None


def deploy(
    manifest: str | Path = MANIFEST,
    *,
    target: str | None = None,
    model: str | None = None,
    package: str | Path | None = None,
    sha256: str | None = None,
    force: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> LiveDeployment:
    """Train, register, package and deploy to one target, reusing what the same inputs gave before.

    `target` is one of the manifest's, by default its own; `model` (`NAME:VERSION`) serves an earlier version; `package`
    deploys an exported package as it is, and `sha256` is what the bytes of that file must have; `force` deploys anew
    even where nothing has changed; `timeout` is in seconds. Raises NotUp where the release does not come up: the old
    one then still serves.
    """
    (outcome,) = deploy_each(
        manifest,
        targets=() if target is None else (target,),
        model=model,
        package=package,
        sha256=sha256,
        force=force,
        store=store,
        timeout=timeout,
        on_event=on_event,
    )
    if outcome.deployment is None:
        raise outcome.error or StageFailed(f"the deploy to '{outcome.target}' gave no result")
    return outcome.deployment


def deploy_each(
    manifest: str | Path = MANIFEST,
    *,
    targets: Sequence[str] = (),
    model: str | None = None,
    package: str | Path | None = None,
    sha256: str | None = None,
    force: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    lock_wait: float = 0.0,
    plan: Plan | None = None,
    on_event: OnEvent = ignore,
) -> tuple[Outcome, ...]:
    """Deploy one package to several targets; where one fails, the others still run.

    `package` is an exported one, which `sha256` pins, deployed as it is. With a `plan`, its manifest, targets and store
    are used. Raises Refused where a deploy would not do what the plan says.
    """
    _refuse_pairs(model=model, package=package, sha256=sha256, plan=plan)
    if plan is not None:
        manifest, targets, store = plan.manifest, plan.targets, plan.store
    order = _order("deploy", manifest, store=store, targets=targets, timeout=timeout, lock_wait=lock_wait)
    with open_session(replace(order, packed=package is not None), on_event) as session:
        if plan is not None:
            from ..engine.plan.plan_file import refuse_stale  # loaded only for a plan

            refuse_stale(session, plan)
        if package is None:
            packed = pipeline.packaged(session, model=model)
        else:
            from ..engine.archive.archive import take_in  # most commands have no archive

            packed = take_in(session, Path(package), sha256=sha256)
        return tuple(_deploy_one(session, name, packed, force=force) for name in session.manifest.targets)


def _refuse_pairs(*, model: str | None, package: str | Path | None, sha256: str | None, plan: Plan | None) -> None:
    if package is None and sha256 is not None:
        raise BadInput("a sha256 pins an exported package, and none is named", hint="name its file with --package")
    if package is not None and model is not None:
        raise BadInput("a package brings its own model", hint="name a package or a model, not both")
    if plan is not None and (package is not None or model is not None):
        raise BadInput("a plan says what is deployed", hint="leave out the package or model, or the plan")


def train(
    manifest: str | Path = MANIFEST,
    *,
    force: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> Run | None:
    """Train, or find the run that the same inputs gave before; None where the manifest names a finished model."""
    with open_session(_order("train", manifest, store=store, timeout=timeout), on_event) as session:
        trained = train_stage.train(session, force=force)
        return session.store.runs.get(trained.run) if trained.run else None


def register(
    manifest: str | Path = MANIFEST,
    *,
    force: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> ModelVersion:
    """Train and register."""
    with open_session(_order("register", manifest, store=store, timeout=timeout), on_event) as session:
        return pipeline.registered(session, force=force)


def package(
    manifest: str | Path = MANIFEST,
    *,
    model: str | None = None,
    force: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> Package:
    """Train, register and package."""
    with open_session(_order("package", manifest, store=store, timeout=timeout), on_event) as session:
        return pipeline.packaged(session, model=model, force=force)


def export_package(
    file: str | Path,
    manifest: str | Path = MANIFEST,
    *,
    model: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> Archive:
    """Train, register and package, and write the package with its model into one file that can be deployed elsewhere.

    A name that ends with `.gz` or `.tgz` makes a compressed one.
    """
    from ..engine.archive.archive import export

    with open_session(_order("package export", manifest, store=store, timeout=timeout), on_event) as session:
        return export(session, pipeline.packaged(session, model=model), Path(file))


def check(manifest: str | Path = MANIFEST) -> tuple[str, ...]:
    """Check every block of a manifest. Raises ManifestError with every problem; returns notes on what it left out."""
    _manifest, notes = bind_all(read(Path(manifest), os.environ))
    return notes


def deployment(
    manifest: str | Path = MANIFEST,
    *,
    target: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    lock_wait: float = 0.0,
    command: str = "deployment",
    on_event: OnEvent = ignore,
) -> LiveDeployment:
    """The deployment of a target as it is, without deploying anything; a lock on it names `lading COMMAND`."""
    targets = () if target is None else (target,)
    order = _order(command, manifest, store=store, targets=targets, timeout=timeout, lock_wait=lock_wait, stages=False)
    with open_session(replace(order, reads=True), on_event) as session:
        service = Service(session, session.targets[0])
        return _live(session, service.target.name, service.deployment.release)


def _order(
    command: str,
    manifest: str | Path,
    *,
    store: str | Path | None,
    targets: Sequence[str] | None = None,
    timeout: float | None = None,
    lock_wait: float = 0.0,
    stages: bool = True,
) -> Order:
    return Order(
        file=Path(manifest),
        environ=os.environ,
        command=f"lading {command} {manifest}",
        store=None if store is None else Path(store),
        targets=None if targets is None else tuple(targets),
        stages=stages,
        timeout=timeout,
        lock_wait=lock_wait,
    )


def _deploy_one(session: Session, name: str, package: Package, *, force: bool) -> Outcome:
    try:
        done = deploy_stage.deploy(session, session.manifest.targets[name], package, force=force)
    except Interrupted:
        raise
    except LadingError as error:
        session.events.mask_failure(error)
        session.events.emit("stage.failed", stage="deploy", target=name, detail=error.message)
        return Outcome(name, error=error)
    live = _live(session, name, done.release.number)
    samples = deploy_stage.wanted(session, package).samples
    return Outcome(name, live, done.uri, _example(session, name, samples, done.uri), reused=done.reused)


def _example(
    session: Session, target: str, samples: Sequence[GoldenRequest], uri: ScoringUri | NoScoringUri
) -> str | None:
    if not samples or isinstance(uri, NoScoringUri):
        return None
    body = shlex.quote(json.dumps(samples[0].request))
    manifest = session.manifest
    if session.plugin(manifest.targets[target]).can(Capability.KEYS):  # which finds the key by itself
        return f"lading score {shlex.quote(str(manifest.file))} --target {target} -d {body}"
    return f"curl -H 'content-type: application/json' -d {body} {shlex.quote(uri.uri)}"


def _live(session: Session, target: str, release: int | None) -> LiveDeployment:
    order = replace(session.order, targets=(target,), stages=False, timeout=None)
    return LiveDeployment(session.manifest.targets[target].service_name, target, release, order)
