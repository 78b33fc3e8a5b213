"""Deploy from Python. No function here prints; progress goes to `on_event`.

Every function takes the manifest's path, `lading.yaml` by default; a folder means its `lading.yaml`. It raises a
LadingError for an expected failure: ManifestError for a wrong manifest, others as documented.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine import pipeline
from ..engine.release import deploy as deploy_stage
from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import Session, open_session
from ..errors import BadInput, LadingError, StageFailed
from ..model import Capability, GoldenRequest, ModelVersion, NoScoringUri, Package, Run, ScoringUri
from ..model.records import OnEvent, ignore
from ..store import MANIFEST
from .lazily import gated_plan, looking_ahead
from .live import LiveDeployment

if TYPE_CHECKING:
    from ..engine.archive.archive import Archive
    from ..model import Evaluation
    from ..model.planning import Plan


@dataclass(frozen=True)
class Outcome:
    """The result of a deploy to one target: a deployment with its address, or the failure.

    `example` is a command line that sends the manifest's first sample, ready to paste into a shell. `asked` tells
    whether the release has answered a request before it was up; if not, `advice` is the line to add under `package`.
    """

    target: str
    deployment: LiveDeployment | None = None
    uri: ScoringUri | NoScoringUri | None = None
    example: str | None = None
    reused: bool = False
    asked: bool = False
    advice: str = ""
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
    """Train, register, package and deploy to one target, and reuse earlier outputs that have the same inputs.

    `target` is one of the manifest's, by default its own. `model` (`NAME:VERSION`) serves an earlier version. `package`
    deploys an exported package unchanged, and `sha256` is the expected digest of that file. `force` deploys even if
    nothing has changed. `timeout` is in seconds. Raises NotUp if the release does not start; then the old one still
    serves.
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
    """Deploy one package to several targets. If one fails, the others still run.

    `package` is an exported package, deployed unchanged; `sha256` is its expected digest. With a `plan`, the plan's
    manifest, targets and store are used. Raises Refused if a deploy would differ from the plan.
    """
    _refuse_pairs(model=model, package=package, sha256=sha256, plan=plan)
    if plan is not None:
        manifest, targets, store = plan.manifest, plan.targets, plan.store
    needs = Needs.DEPLOY if package is None else Needs.DEPLOY_ARCHIVE
    order = Order.of(
        pipeline.DEPLOY.name, manifest, needs, store=store, targets=targets, timeout=timeout, lock_wait=lock_wait
    )
    with open_session(order, on_event) as session:
        session.look_ahead = looking_ahead(session)
        session.planner = gated_plan(session, whole=package is None and model is None, force=force)
        if plan is not None:
            from ..engine.plan.plan_file import refuse_stale  # loaded only for a plan

            refuse_stale(session, plan)
        if package is None:
            packed = pipeline.packaged(session, model=model)
        else:
            from ..engine.archive.archive import import_archive  # most commands have no archive

            packed = import_archive(session, Path(package), sha256=sha256)
        return tuple(_deploy_one(session, name, packed, force=force) for name in session.manifest.targets)


def _refuse_pairs(*, model: str | None, package: str | Path | None, sha256: str | None, plan: Plan | None) -> None:
    if package is None and sha256 is not None:
        raise BadInput("--sha256 needs --package FILE")
    if package is not None and model is not None:
        raise BadInput("--package cannot be combined with --model", hint="leave out one of the two")
    if plan is not None and (package is not None or model is not None):
        raise BadInput(
            "--plan cannot be combined with --model or --package", hint="leave out the plan, or the other option"
        )


def train(
    manifest: str | Path = MANIFEST,
    *,
    force: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> Run | None:
    """Train, or find the earlier run with the same inputs; None if the manifest names a finished model."""
    order = Order.of(pipeline.TRAIN.name, manifest, Needs.PACKAGE, store=store, timeout=timeout)
    with open_session(order, on_event) as session:
        trained = pipeline.trained(session, force=force)
        return session.store.runs.get(trained.run) if trained.run else None


def evaluate(
    manifest: str | Path = MANIFEST,
    *,
    force: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> Evaluation | None:
    """Train and evaluate; None if the manifest has no block `evaluate`.

    Raises Refused, with the metrics in its message, if the model does not meet the manifest's requirements.
    """
    order = Order.of(pipeline.EVALUATE.name, manifest, Needs.PACKAGE, store=store, timeout=timeout)
    with open_session(order, on_event) as session:
        return pipeline.evaluated(session, force=force)


def register(
    manifest: str | Path = MANIFEST,
    *,
    force: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> ModelVersion:
    """Train and register."""
    order = Order.of(pipeline.REGISTER.name, manifest, Needs.PACKAGE, store=store, timeout=timeout)
    with open_session(order, on_event) as session:
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
    order = Order.of(pipeline.PACKAGE.name, manifest, Needs.PACKAGE, store=store, timeout=timeout)
    with open_session(order, on_event) as session:
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
    """Train, register and package. Write the package and its model into one file that can be deployed elsewhere.

    A name that ends with `.gz` or `.tgz` makes a compressed file.
    """
    from ..engine.archive.archive import export

    order = Order.of(f"{pipeline.PACKAGE.name} export", manifest, Needs.PACKAGE, store=store, timeout=timeout)
    with open_session(order, on_event) as session:
        return export(session, pipeline.packaged(session, model=model), Path(file))


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
    """The existing deployment of a target, without a new deploy. A lock on it names `lading COMMAND`.

    `timeout` limits each query to the deployment, and its deletion, in seconds.
    """
    targets = () if target is None else (target,)
    order = Order.of(
        command, manifest, Needs.QUESTION, store=store, targets=targets, timeout=timeout, lock_wait=lock_wait
    )
    with open_session(order, on_event) as session:
        service = Service(session, session.targets[0])
        return _live(session, service.target.name, service.deployment.release, timeout=timeout)


def _deploy_one(session: Session, name: str, package: Package, *, force: bool) -> Outcome:
    emit = session.events.of(pipeline.DEPLOY.name, name)
    try:
        done = deploy_stage.deploy(session, session.manifest.targets[name], package, force=force)
    except LadingError as error:
        session.events.redact_failure(error)
        emit("stage.failed", detail=error.message)
        return Outcome(name, error=error)
    live = _live(session, name, done.release.number)
    samples = deploy_stage.wanted(session, package).samples
    asked = done.release.asked
    return Outcome(
        name,
        live,
        done.uri,
        _example(session, name, samples, done.uri),
        reused=done.reused,
        asked=asked,
        advice="" if asked else _advice(session, done.uri),
    )


def _advice(session: Session, uri: ScoringUri | NoScoringUri) -> str:
    """The line under `package` with which a release is asked. Empty without an address."""
    if isinstance(uri, NoScoringUri) or session.manifest.samples or session.manifest.recorded:
        return ""
    train = session.manifest.train
    can_record = train is not None and train.options is not None and not train.options.cannot_record
    return "samples: {record: 5}" if can_record else "samples: [{request: {data: [[1, 2]]}, response: [3]}]"


def _example(
    session: Session, target: str, samples: Sequence[GoldenRequest], uri: ScoringUri | NoScoringUri
) -> str | None:
    if not samples or isinstance(uri, NoScoringUri):
        return None
    body = shlex.quote(json.dumps(samples[0].request))
    manifest = session.manifest
    if session.plugin(manifest.targets[target]).can(Capability.KEYS):  # the command finds the key itself
        return f"lading score {shlex.quote(str(manifest.file))} --target {target} -d {body}"
    return f"curl -H 'content-type: application/json' -d {body} {shlex.quote(uri.uri)}"


def _live(session: Session, target: str, release: int | None, *, timeout: float | None = None) -> LiveDeployment:
    order = replace(session.order, targets=(target,), timeout=timeout)
    return LiveDeployment(session.manifest.targets[target].service_name, target, release, order)
