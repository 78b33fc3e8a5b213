"""Run the stages in their order. A command first runs the stages before its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import BadInput
from .release.deploy import settle
from .stages.evaluate import EVALUATE
from .stages.package import PACKAGE
from .stages.register import REGISTER, register_elsewhere
from .stages.stage import DEPLOY, Making, Stage
from .stages.train import TRAIN

if TYPE_CHECKING:
    from ..model import Evaluation, ModelVersion, Package
    from .session.session import Session
    from .stages.trained import Trained

__all__ = ["DEPLOY", "EVALUATE", "PACKAGE", "REGISTER", "STAGES", "TRAIN", "complete", "evaluated", "find_version"]
__all__ += ["packaged", "registered", "subjects", "trained"]

STAGES: tuple[Stage, ...] = (TRAIN, EVALUATE, REGISTER, PACKAGE, DEPLOY)


def subjects(
    last: Stage,
    *,
    targets: Sequence[str] = (),
    model: str | None = None,
    archive: bool = False,
    stages: Sequence[Stage] = STAGES,
) -> tuple[str, ...]:
    """The stages of a command up to the stage `last`, by their names in events.

    A stage that a manifest can omit is included only as the last one. A registered `model` needs no stage up to its
    registration. An exported package (`archive`) needs no stage before it.
    """
    first = stages.index(REGISTER) if archive else 0 if model is None else stages.index(REGISTER) + 1
    wanted = stages[first : stages.index(last) + 1]
    named = (stage for stage in wanted if stage is last or not (isinstance(stage, Making) and stage.optional))
    return tuple(subject for stage in named for subject in stage.subjects(targets))


def trained(session: Session, *, force: bool = False, stages: Sequence[Stage] = STAGES) -> Trained:
    """Train the model of a manifest, or reuse it. Returns the model and its facts."""
    found: Trained = _reach(session, TRAIN, stages, force=force)
    return found


def evaluated(session: Session, *, force: bool = False, stages: Sequence[Stage] = STAGES) -> Evaluation | None:
    """The evaluation of a manifest's model; None if it is not evaluated. Raises Refused if it does not pass."""
    found = _reach(session, EVALUATE, stages, force=force)
    return found.evaluation if EVALUATE.applies(session) else None


def registered(session: Session, *, force: bool = False, stages: Sequence[Stage] = STAGES) -> ModelVersion:
    """The model version of a manifest: trained and registered."""
    return register_elsewhere(session, _reach(session, REGISTER, stages, force=force), force=force)


def packaged(
    session: Session,
    *,
    model: str | None = None,
    force: bool = False,
    stages: Sequence[Stage] = STAGES,
    admit: Callable[[Package], None] | None = None,
) -> Package:
    """The package of that model version, or of the one named `NAME:VERSION`.

    Other registries receive the model only after the package has proved installable, and after `admit` did not raise.
    Raises BadInput if it is not installable, or if no such version exists.
    """
    package = _reach(session, PACKAGE, stages, model=model, force=force)
    if admit is not None:
        admit(package)
    return complete(session, package)


def complete(session: Session, package: Package) -> Package:
    """Complete the package: check that it can be installed, then register its model in all registries."""
    settle(session, package)
    return replace(package, model=register_elsewhere(session, package.model))


def _reach(session: Session, last: Stage, stages: Sequence[Stage], *, model: str | None = None, force: bool) -> Any:
    """The output of the stage `last`. `force` runs it again even if its inputs have not changed."""
    output: Any = None if model is None else find_version(session, model)
    first = 0 if model is None else stages.index(REGISTER) + 1
    for stage in stages[first : stages.index(last) + 1]:
        assert isinstance(stage, Making), "only the last stage of all is done for each target"
        if stage.applies(session):
            output = stage.reach(session, output, force=force and stage is last)
    return output


def find_version(session: Session, reference: str) -> ModelVersion:
    """Find a registered version by `NAME:VERSION`."""
    name, _, number = reference.rpartition(":")
    if not name or not number.isascii() or not number.isdigit():
        raise BadInput(f"'{reference}' is not NAME:VERSION, such as sal_model:3")
    found = session.store.models.get(name, int(number))
    if found is None:
        known = ", ".join(f"{m.name}:{m.version}" for m in session.store.models.list(name)) or "none"
        raise BadInput(f"the store has no model {reference}", hint=f"its versions are: {known}")
    return found
