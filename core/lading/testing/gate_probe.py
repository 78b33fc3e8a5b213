"""A program that sends constant requests to a gate, through its watched plugin, and records the answers.

`python -m lading.testing.gate_probe REPORT ORDER MANIFEST`. ORDER is a JSON object with the `metrics` of the models and
the `target` of the deploys.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..engine.pipeline import DEPLOY, PACKAGE, STAGES
from ..engine.session.gates import ask
from ..engine.session.order import Needs, Order
from ..engine.session.session import Session, open_session
from ..errors import BadInput, LadingError, Refused, Transient
from ..model import (
    Action,
    Change,
    GateRequest,
    ModelVersion,
    Options,
    Plan,
    PlannedStage,
    PreviousRelease,
    Release,
    Run,
)
from .probe import Report, leaks
from .witness import Witness, Witnessed

FAILED = "failed:"
"""The beginning of an answer that is neither a pass nor Refused, BadInput or Transient."""

_STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_SERVICE, _MODEL = "conformance", "conformance"
_TWICE = range(2)


def requests(order: Mapping[str, Any], file: Path) -> Iterator[tuple[str, GateRequest]]:
    """Each constant request with its name. `file` is a model file."""
    bare = GateRequest(service=_SERVICE, stage="", options=Options(), folder=file.parent)
    for stage in STAGES[:-1]:
        yield stage.name, replace(bare, stage=stage.name)
    old, new = _run(1, order["metrics"]), _run(2, order["metrics"])
    finished = replace(
        bare,
        stage=DEPLOY.name,
        target=order["target"],
        package_digest=_digest(2),
        model=_version(2, file, None),
        plan=_plan(order["target"], None),
    )
    trained = replace(finished, model=_version(2, file, new.id), run=new)
    yield "first deploy", trained
    yield "first deploy of a finished model", finished
    yield "first deploy, without a plan", replace(trained, plan=None)
    plan = _plan(order["target"], 1)
    release = _release(order["target"])
    serving = PreviousRelease(release=release, model=_version(1, file, old.id), run=old)
    yield "update", replace(trained, previous=serving, plan=plan)
    yield "update by a finished model", replace(finished, previous=serving, plan=plan)
    bare_release = PreviousRelease(release=release)
    yield "update of a release whose model is not known", replace(trained, previous=bare_release, plan=plan)


def _digest(number: int) -> str:
    return f"{number:064x}"


def _run(number: int, metrics: Mapping[str, float]) -> Run:
    return Run(
        id=f"20260102-03040{number}-abcdef",
        name=_SERVICE,
        state="finished",
        started=_STARTED,
        ended=_STARTED + timedelta(minutes=1),
        metrics=metrics,
        model_sha256=_digest(number),
    )


def _version(number: int, file: Path, run: str | None) -> ModelVersion:
    return ModelVersion(
        name=_MODEL,
        version=number,
        sha256=_digest(number),
        file=file,
        file_name=file.name,
        created=_STARTED,
        framework="none",
        framework_version="0",
        python="3.11",
        run=run,
    )


def _release(target: str) -> Release:
    return Release(
        id="0123456789abcdef",
        service=_SERVICE,
        target=target,
        number=1,
        package_digest=_digest(1),
        model=_MODEL,
        model_version=1,
        model_sha256=_digest(1),
        state="up",
        started=_STARTED,
        ended=_STARTED,
    )


def _plan(target: str, release: int | None) -> Plan:
    deploy = PlannedStage(
        stage=DEPLOY.name,
        action=Action.UPDATE if release else Action.CREATE,
        reason="its inputs changed" if release else "for the first time",
        target=target,
        changes=(Change(field=PACKAGE.name, old=_digest(1) if release else None, new=_digest(2)),),
        release=release,
        outputs={"release": None, "scoring_uri": None},
    )
    return Plan(manifest="lading.yaml", service=_SERVICE, targets=(target,), created=_STARTED, stages=(deploy,))


def main() -> None:
    """Ask the gate. An expected failure is in the report as `error`."""
    report, order, manifest = Report(Path(sys.argv[1])), json.loads(sys.argv[2]), Path(sys.argv[3])
    witness = Witness()
    try:
        with open_session(Order.of("plugin check", manifest, Needs.PACKAGE), lambda _event: None) as session:
            report.add("answers", list(_answers(session, order, witness)))
    except LadingError as error:
        report.add("error", error.message)
    finally:
        report.add("calls", [{**asdict(call), "text": ""} for call in witness.calls])
        report.add("leaks", leaks(witness, manifest.parent))


def _answers(session: Session, order: Mapping[str, Any], witness: Witness) -> Iterator[dict[str, Any]]:
    (section,) = session.manifest.gates
    watched = Witnessed(session.plugin(section).installed, witness)
    session = replace(session, plugins={**session.plugins, section.path: watched})
    for name, request in requests(order, session.manifest.file.with_name("model.txt")):
        asked = replace(request, options=section.options)
        answers = [_answer(session, asked) for _ in _TWICE]
        yield {"request": name, "first": asked.previous is None, "answers": answers}


def _answer(session: Session, request: GateRequest) -> str:
    (section,) = session.manifest.gates
    try:
        ask(session, section, request)
    except (Refused, BadInput, Transient) as error:
        return f"{type(error).__name__}: {error.message}"
    except LadingError as error:
        return f"{FAILED} {type(error).__name__}: {error.message}"
    return "passed"


if __name__ == "__main__":
    main()
