"""Deploy from Python. No function here prints; progress goes to `on_event`.

Every function takes the manifest's path, `lading.yaml` by default; a folder means its `lading.yaml`. It raises a
LadingError for an expected failure: ManifestError for a wrong manifest, others as documented.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine import pipeline
from ..engine.release import choosing
from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..errors import BadInput, StageFailed
from ..model.records import OnEvent, ignore
from ..store import MANIFEST
from .lazily import gated_plan, looking_ahead
from .live import LiveDeployment
from .outcomes import Outcome, deploy_one, live

if TYPE_CHECKING:
    from ..engine.archive.archive import Archive
    from ..engine.release.traffic import Split
    from ..engine.session.session import Session
    from ..model import Evaluation, ModelVersion, Package, Run
    from ..model.planning import Plan


def deploy(
    manifest: str | Path = MANIFEST,
    *,
    target: str | None = None,
    model: str | None = None,
    package: str | Path | None = None,
    sha256: str | None = None,
    force: bool = False,
    canary: int | None = None,
    shadow: int | None = None,
    detach: bool = False,
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
        canary=canary,
        shadow=shadow,
        detach=detach,
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
    canary: int | None = None,
    shadow: int | None = None,
    detach: bool = False,
    rollout_of: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    lock_wait: float = 0.0,
    plan: Plan | None = None,
    on_event: OnEvent = ignore,
) -> tuple[Outcome, ...]:
    """Deploy one package to several targets. If one fails, the others still run.

    With `canary`, the release comes up beside the one that serves, and gets that percent of the requests. With
    `shadow`, it gets copies of that percent of them. The same call with another number shifts the requests. With
    `detach`, the rollout of the block is left to another process after its first step. That process names the release
    in `rollout_of`, its id, and deploys no other one.

    `package` is an exported package, deployed unchanged; `sha256` is its expected digest. With a `plan`, the plan's
    manifest, targets and store are used. Raises Refused if a deploy would differ from the plan.
    """
    _refuse_pairs(model=model, package=package, sha256=sha256, plan=plan)
    split = _split(canary, shadow, detach=detach)
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
        choosing.foresee(session, split, trains=package is None and model is None, detach=detach)
        packed = _packed(session, split, model=model, package=package, sha256=sha256)
        given = _options(model=model, package=package, sha256=sha256, order=order) if detach else None
        return tuple(
            deploy_one(session, name, packed, split, force=force, detached=given, rollout_of=rollout_of)
            for name in session.manifest.targets
        )


def _packed(
    session: Session, split: Split | None, *, model: str | None, package: str | Path | None, sha256: str | None
) -> Package:
    """The package of the manifest, or the one in the file of an exported package."""
    if package is None:
        return pipeline.packaged(session, model=model, admit=lambda made: choosing.admit(session, made, split))
    from ..engine.archive.archive import import_archive  # most commands have no archive

    return import_archive(session, Path(package), sha256=sha256)


def _options(*, model: str | None, package: str | Path | None, sha256: str | None, order: Order) -> tuple[str, ...]:
    """The options with which the same deploy continues in another process."""
    given = {
        "--model": model,
        "--package": package,
        "--sha256": sha256,
        "--store": order.store,
        "--timeout": order.timeout,
        "--lock-wait": order.lock_wait or None,
    }
    return tuple(text for name, value in given.items() if value is not None for text in (name, str(value)))


def _split(canary: int | None, shadow: int | None, *, detach: bool) -> Split | None:
    """The share of a canary. Raises BadInput for numbers that are not percent, and if two of the options are given."""
    if canary is not None and shadow is not None:
        raise BadInput("--canary cannot be combined with --shadow: a shadow gets no requests")
    for name, percent, least in (("canary", canary, 0), ("shadow", shadow, 1)):
        if percent is not None and not least <= percent <= 100:
            raise BadInput(f"--{name} {percent} is not a percentage from {least} to 100")
    if canary is shadow is None:
        return None
    if detach:
        raise BadInput("--detach cannot be combined with --canary or --shadow: it is about the rollout of the block")
    from ..engine.release.traffic import Split  # most deploys have no canary

    return Split(weight=canary or 0, shadow=shadow or 0)


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
        return live(session, service.target.name, service.deployment.release, timeout=timeout)
