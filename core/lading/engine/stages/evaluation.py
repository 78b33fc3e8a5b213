"""The metrics of models on given rows, measured once, and the manifest's requirements for them.

The metrics of a model are stored under all their inputs. Every command compares them with the requirements again. So a
changed threshold does not repeat the measurement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import BadInput, Refused
from ...model import EvaluateRequest, Evaluation, Measured
from ...model.metrics import EVALUATED, is_metric
from ...model.requirements import metrics_table
from ...store.evaluations import Evaluations
from . import cache_keys as keys
from .judging import as_metrics, decisive, judge, recorded_comparison, undirected
from .track import track_run
from .train import TRAIN
from .trained import Trained

if TYPE_CHECKING:
    from ...manifest import EvaluateKeys, NoWorseThan, Section
    from ...model import Json, ModelVersion
    from ..session.session import Session


@dataclass(frozen=True, kw_only=True)
class Evaluated(Trained):
    """A model with its evaluation. `measured` is the key of its metrics and its plots.

    `itself` is true if the model to compare with has the same bytes. Then nothing is compared. `logged` are the
    compared metrics that the trainings have logged, each on its own rows.
    """

    evaluation: Evaluation
    measured: str
    itself: bool = False
    logged: tuple[str, ...] = ()


def inputs(session: Session, trained: Trained | None) -> keys.Inputs:
    """The inputs of the verdict on a model."""
    other = _other(session)
    return keys.section_inputs(
        session,
        _section(session).role,
        _section(session),
        training=_training(session),
        **({"model": _short(trained.sha256)} if trained else {}),
        **({"compared": _named(other)} if other else {}),
    )


def find(session: Session, trained: Trained) -> Evaluated | None:
    """Find the model with its verdict, if all required metrics were measured before."""
    other = _other(session)
    new, compared = _known(session, trained.sha256), _known(session, other.sha256) if other else None
    if new is None or (other is not None and compared is None):
        return None
    return _evaluated(session, trained, new, other, compared)


def measure_all(session: Session, trained: Trained) -> Evaluated:
    """Measure a model. Also measure the model that it is compared with, if that was not measured before."""
    other, base = _other(session), session.manifest.file.parent.resolve()
    session.store.files.check(trained.sha256)
    own = EvaluateRequest(
        **_asked(session),
        file=session.store.files.path(trained.sha256),
        sha256=trained.sha256,
        framework=trained.framework,
        columns=trained.columns,
        label=trained.label,
        modules=tuple(base / module for module in trained.modules),
        plots=True,
    )
    new = _measured(session, own)
    compared = _compared(session, other, trained, new) if other else None
    return _evaluated(session, trained, new, other, compared)


def settle(session: Session, evaluated: Evaluated) -> Evaluated:
    """Record and log the evaluation of a model. Raises Refused if it does not meet the manifest's requirements."""
    evaluation, emit = evaluated.evaluation, session.events.of(_section(session).role)
    run = session.store.runs.get(evaluated.run or "")
    if run is None:
        session.store.plots.link_finished(session.manifest.name, evaluated.measured)
        found = {judged.metric: judged.new for judged in evaluation.metrics}
        Evaluations(session.store.reuse, session.manifest.name).keep(evaluated.sha256, found)
    else:
        session.store.plots.link(run.id, evaluated.measured)
        metrics = {name: value for name, value in run.metrics.items() if not name.startswith(EVALUATED)}
        metrics |= as_metrics(evaluation)
        metrics |= recorded_comparison(run.metrics, metrics) if evaluated.itself else {}
        if metrics != run.metrics:
            run = replace(run, metrics=metrics)
            session.store.runs.save(run)
        track_run(session, run, emit)
    for remark in () if evaluated.itself else _remarks(session, evaluated):
        emit("warning", detail=remark)
    if evaluation.failures:
        reasons = ", ".join(evaluation.failures)
        hint = f"nothing is registered; change the training, or the requirements in {session.manifest.file.name}"
        plots = f"\n  plots: {evaluation.plots[0].parent}" if evaluation.plots else ""
        raise Refused(f"the model is refused: {reasons}\n{metrics_table(evaluation.metrics)}{plots}", hint=hint)
    return evaluated


def _section(session: Session) -> Section:
    section = session.manifest.evaluate
    assert section is not None, "without this block the stage does not apply"
    return section


def _keys(session: Session) -> EvaluateKeys:
    return session.manifest.evaluate_keys


def _short(sha256: str) -> str:
    """The beginning of a digest. A whole digest would keep the file of a refused model in the store."""
    return sha256[:32]


def _named(version: ModelVersion) -> str:
    return f"{version.name}:{version.version}"


def _training(session: Session) -> str:
    """The inputs of the training that the manifest names. They determine the held-out rows."""
    section = session.manifest.train
    return keys.section_inputs(session, TRAIN.name, section).key if section else ""


def _asked(session: Session) -> dict[str, Json]:
    """The fields of a request that are the same for every model."""
    training, wanted = session.manifest.train, _keys(session)
    return {
        "name": session.manifest.name,
        "options": _section(session).options,
        "folder": Path(),
        "data": wanted.data,
        "training": training.options if training else None,
        "metrics": tuple(wanted.require),
    }


def _compared(session: Session, other: ModelVersion, trained: Trained, new: Measured) -> Measured:
    """The metrics of the model that a new one is compared with."""
    if other.sha256 == trained.sha256:
        return new
    known = _known(session, other.sha256)
    if known is not None:
        return known
    session.store.models.check(other)
    request = EvaluateRequest(
        **_asked(session),
        file=other.file,
        sha256=other.sha256,
        framework=other.framework,
        columns=other.columns,
        label=other.label,
        modules=other.modules,
    )
    return _measured(session, request)


def _measured(session: Session, request: EvaluateRequest) -> Measured:
    """Measure a model, and store its metrics and plots."""
    key, stage = _measured_key(session, request.sha256), _section(session).role
    plugin, end = session.plugin(_section(session)), session.end()
    with session.store.scratch() as scratch:
        folder = scratch / "evaluated"
        folder.mkdir(mode=0o700)
        asked = replace(request, folder=folder)
        context = session.context(scratch, stage=stage, end=end)
        measured = session.run_hook(plugin, "lading_evaluate", lambda: plugin.evaluate(asked, context), end=end)
        if request.plots:
            for remark in session.store.plots.keep(key, measured.plots, folder):
                session.events.of(stage)("warning", detail=remark)
    kept = {"metrics": dict(measured.metrics), "greater_is_better": dict(measured.greater_is_better)}
    session.store.reuse.put(key, stage, kept)
    return measured


def _known(session: Session, sha256: str) -> Measured | None:
    """The metrics of a model if they were measured before."""
    found = session.store.reuse.get(_measured_key(session, sha256))
    return None if found is None else Measured(**found)


def _measured_key(session: Session, sha256: str) -> str:
    """The cache key of a model's metrics. It does not depend on the thresholds or on the other model."""
    section, beside = _section(session), ("require", "no_worse_than")
    plain = {name: value for name, value in section.value.items() if name not in beside}
    return keys.section_inputs(
        session,
        _section(session).role,
        replace(section, value=plain),
        training=_training(session),
        model=_short(sha256),
        metrics=sorted(_keys(session).require),
    ).key


def _evaluated(
    session: Session, trained: Trained, new: Measured, other: ModelVersion | None, compared: Measured | None
) -> Evaluated:
    """Judge a model by its metrics, and by those that its training script logged."""
    wanted, itself = _keys(session), other is not None and other.sha256 == trained.sha256
    if itself:
        other = compared = None
    new, measured = _with_logged(session, new, trained.run), new
    _refuse_unknown(session, new)
    if other is not None and compared is not None:
        compared = _with_logged(session, compared, other.run)
    name = _named(other) if other else ""
    judged, key = judge(wanted, new, compared, name), _measured_key(session, trained.sha256)
    plots = session.store.plots.of(key)
    evaluation = Evaluation(run=trained.run, compared=name, metrics=judged, plots=plots)
    logged = tuple(each.metric for each in judged if each.compared is not None and each.metric not in measured.metrics)
    return Evaluated(**vars(trained), evaluation=evaluation, measured=key, itself=itself, logged=logged)


def _with_logged(session: Session, measured: Measured, run: str | None) -> Measured:
    """The metrics, plus required ones that the run logged and the evaluator did not measure."""
    found = session.store.runs.get(run or "")
    missing = [name for name in _keys(session).require if name not in measured.metrics]
    if found is None or not missing:
        return measured
    logged = {name: found.metrics[name] for name in missing if name in found.metrics and is_metric(found.metrics[name])}
    return replace(measured, metrics={**measured.metrics, **logged})


def _refuse_unknown(session: Session, new: Measured) -> None:
    """Raise BadInput, at its line, for a metric that the model lacks or that cannot be compared."""
    wanted = _keys(session)
    for name in wanted.require:
        if name not in new.metrics:
            known = ", ".join(new.metrics)
            raise session.at_its_line(
                (*_section(session).path, "require", name), BadInput(f"the model has no metric {name}; it has {known}")
            )
    for name in undirected(wanted, new) if wanted.no_worse_than else ():
        message = f"it is unknown whether a higher or a lower {name} is better: require it with >= or <="
        raise session.at_its_line((*_section(session).path, "require", name), BadInput(message))


def _other(session: Session) -> ModelVersion | None:
    """The model to compare with; None if there is none."""
    wanted = _keys(session).no_worse_than
    if wanted is None:
        return None
    if wanted.model == "serving":
        return _serving(session, wanted)
    if wanted.model == "registered":
        return session.store.models.get(session.manifest.register.model)
    name, _, number = wanted.model.rpartition(":")
    found = session.store.models.get(name, int(number))
    if found is None:
        known = ", ".join(map(_named, session.store.models.list(name))) or "none"
        raise _at_comparison(session, f"the store has no model {wanted.model}; its versions are: {known}")
    return found


def _serving(session: Session, wanted: NoWorseThan) -> ModelVersion | None:
    manifest = session.manifest
    names = (wanted.target,) if wanted.target else (*manifest.targets, *manifest.default_targets)
    if not names:
        raise _at_comparison(session, "the manifest has several targets and no default: name the target here")
    release = session.store.releases.current(manifest.services[names[0]], names[0])
    return session.store.models.get(release.model, release.model_version) if release else None


def _at_comparison(session: Session, message: str) -> BadInput:
    return session.at_its_line((*_section(session).path, "no_worse_than", "model"), BadInput(message))


def _remarks(session: Session, evaluated: Evaluated) -> Iterable[str]:
    """The warnings about a comparison that was not made, or not on the same rows."""
    wanted, evaluation = _keys(session), evaluated.evaluation
    if wanted.no_worse_than is None:
        return
    if not evaluation.compared:
        yield f"this store has no {wanted.no_worse_than.model} model to compare with: only the requirements count"
        return
    for metric in evaluated.logged:
        yield f"{metric} is compared as each training has logged it, perhaps on other rows"
    decides = decisive(wanted, (judged.metric for judged in evaluation.metrics))
    for judged in evaluation.metrics:
        if judged.metric in decides and judged.compared is None:
            yield f"{evaluation.compared} has no metric {judged.metric}, so it is not compared"
