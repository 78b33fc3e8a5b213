"""Call the gates of a manifest, and collect the facts that they receive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypedDict

from ...model import GateRequest, ModelVersion, Package, PreviousRelease
from ...model.metrics import metrics_of
from ...store.evaluations import Evaluations
from .session import ACCOUNT_LIMIT

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json, Run
    from .session import Session


class HasRun(Protocol):
    """A model that is not registered yet, with the id of the run that trained it."""

    @property
    def sha256(self) -> str: ...

    @property
    def run(self) -> str | None: ...


Made = HasRun | ModelVersion | Package | None
"""The output of the stage before the guarded one; None before that stage has one."""


def pass_gates(session: Session, stage: str, *, target: str = "", made: Made = None) -> None:
    """Check the targets, then call every gate of the manifest. The first gate that refuses raises.

    `made` is the output of the previous stage. It leads to the run and the model that the gates receive.
    """
    session.look_ahead(target)
    if not session.manifest.gates:
        return
    package = made if isinstance(made, Package) else None
    model = made.model if isinstance(made, Package) else made
    known = _known_of(session, model)
    plan = session.planner(package, target)
    previous = previous_release(session, target) if target else None
    for section in session.manifest.gates:
        request = GateRequest(
            service=session.manifest.name,
            stage=stage,
            options=section.options,
            target=target,
            package_digest=package.digest if package else None,
            folder=session.manifest.file.parent.resolve(),
            **known,
            model=model if isinstance(model, ModelVersion) else None,
            previous=previous,
            plan=plan,
        )
        ask(session, section, request)


def ask(session: Session, section: Section, request: GateRequest) -> None:
    """Call one gate."""
    plugin, end = session.plugin(section), session.end(ACCOUNT_LIMIT)
    work = session.store.work("gates", section.plugin)
    context = session.context(work, stage=request.stage, target=request.target, end=end)
    session.run_hook(plugin, "lading_gate", lambda: plugin.gate(request, context), end=end)


def previous_release(session: Session, target: str) -> PreviousRelease | None:
    """The release that is up on a target according to the store, with its model and its run."""
    store, service = session.store, session.manifest.targets[target].service_name
    release = store.releases.current(service, target)
    if release is None:
        return None
    model = store.models.get(release.model, release.model_version)
    return PreviousRelease(release=release, model=model, **_known_of(session, model))


def facts(session: Session, model: ModelVersion, previous: PreviousRelease | None) -> dict[str, Json]:
    """The fields of an event about a release: its model and metrics, and those of the release before it."""
    known = _known_of(session, model)
    metrics = {**metrics_of(known["run"]), **known["evaluated"]}
    fields = {"model": model.name, "model_version": model.version, "metrics": metrics}
    if previous is None:
        return {**fields, "previous": None}
    before = previous.release
    replaced = {
        "release": before.number,
        "model": before.model,
        "model_version": before.model_version or None,
        "metrics": dict(previous.metrics),
    }
    return {**fields, "previous": replaced}


class _Known(TypedDict):
    """The facts about a model for a gate: its run, or the metrics of a finished model, which has no run."""

    run: Run | None
    evaluated: Mapping[str, float | None]


def _known_of(session: Session, model: HasRun | ModelVersion | None) -> _Known:
    run = _run_of(session, model)
    if run is not None or model is None:
        return {"run": run, "evaluated": {}}
    return {"run": None, "evaluated": Evaluations(session.store.reuse, session.manifest.name).of(model.sha256)}


def _run_of(session: Session, model: HasRun | ModelVersion | None) -> Run | None:
    """The newest run that produced the model. A version names the first run, which may have another evaluation."""
    if model is None or model.run is None:
        return None
    runs = session.store.runs
    return runs.of_model(model.sha256, session.manifest.name) or runs.get(model.run)
