"""The options of the plugin `bundle`, under `package:` in a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lading import InputPath, Options

from .environment import Asked, Environment

if TYPE_CHECKING:
    from lading import ExpectedModel, ExpectedPin, PackageProblem


OWN_SCRIPT = "a scoring script of your own calls the model itself"


@dataclass(frozen=True)
class BundleOptions(Options):
    """The options of a package. The defaults suit a plain scikit-learn model."""

    scoring_script: InputPath | None = None
    """A Python file with `init()` and `run(raw_data)`, as Azure ML runs it. Without one, the script that the trainer
    returned is used; else a default script answers `{"data": [[...]]}` from a scikit-learn model."""

    include: tuple[InputPath, ...] = ()
    """Additional files and folders for the scoring script, placed beside it under their own names."""

    method: Literal["predict", "predict_proba", "decision_function"] = "predict"
    """The method of the model that answers, unless a request names another one."""

    output: Literal["classes", "probabilities", "records"] = "probabilities"
    """The form of the answer of `predict_proba` to one row: the most probable class, a list of probabilities in the
    order of the model's classes, or an object with the probability of each class."""

    environment: Environment | None = None
    """The packages that scoring imports; by default those that the model's framework needs."""

    allow_version_skew: bool = False
    """Allow a package with another version of scikit-learn than the model was made with."""

    def __post_init__(self) -> None:
        for name in self.answers_otherwise if self.scoring_script else ():
            raise ValueError(f"{name}: {OWN_SCRIPT}")

    def package_problems(self, model: ExpectedModel) -> Sequence[PackageProblem]:
        unserved = [*self._unserved(model), *self._unanswered(model)]
        if not (self.environment or self.scoring_script or self.include or model.modules):
            return unserved
        from .judging import expected_problems  # a deploy with nothing to do does not load it

        asked = self.asked(*(path for path in model.modules if path.is_file()))
        return [*unserved, *expected_problems(asked, model)]

    def expected_pins(self, model: ExpectedModel) -> Sequence[ExpectedPin]:
        from .judging import expected_pins  # a deploy with nothing to do does not load it

        return expected_pins(self.asked(*(path for path in model.modules if path.is_file())), model)

    def _unserved(self, model: ExpectedModel) -> Sequence[PackageProblem]:
        """The problem of a finished file that the default script cannot serve."""
        if self.scoring_script or not model.finished:
            return ()
        from lading import PackageProblem

        from .served import SCRIPT_NEEDED, Servable

        message = Servable(model.finished, model.framework, is_folder=False).obstacle
        return [PackageProblem(message=message, hint=SCRIPT_NEEDED, about_model=True)] if message else ()

    def _unanswered(self, model: ExpectedModel) -> Sequence[PackageProblem]:
        """The problem of a method that the model does not have. Each model has the default one."""
        methods = None if self.method == BundleOptions.method else model.find_methods()
        if methods is None or self.method in methods:
            return ()
        from lading import PackageProblem

        message = f"the model of this training has {' and '.join(methods)}, not {self.method}"
        return [PackageProblem(message=message, hint="choose another method or another estimator", option="method")]

    def asked(self, *modules: Path) -> Asked:
        """The environment with its scoring script. `modules` are source files of the model."""
        return Asked(self.environment, self.scoring_script, (*self.include, *modules), self.allow_version_skew)

    @property
    def answers_otherwise(self) -> tuple[str, ...]:
        """The options that change the answers of the default script."""
        return tuple(name for name in ("method", "output") if getattr(self, name) != getattr(BundleOptions, name))

    @property
    def included(self) -> tuple[Path, ...]:
        return self.include

    @property
    def own_script(self) -> bool:
        return self.scoring_script is not None
