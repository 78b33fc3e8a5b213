"""The options of the plugin `bundle`, under `package:` in a manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from lading import InputPath, Options, Text

Entry = Annotated[str, Text(pattern=r"^[A-Za-z0-9][ -~]*$", max_length=200)]

OWN_SCRIPT = "a scoring script of your own calls the model itself"


@dataclass(frozen=True)
class Environment(Options):
    """The packages that scoring imports. Each is pinned, with its requirements, at the version of the training."""

    conda: tuple[Entry, ...] = ()
    """Conda packages, with versions if they matter: `scikit-learn`, `numpy=1.26`, `conda-forge::xgboost`."""

    pip: tuple[Entry, ...] = ()
    """Requirements as pip reads them: `pandas`, `azureml-core==1.60.0`."""


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

    @property
    def answers_otherwise(self) -> tuple[str, ...]:
        """The options that change the answers of the default script."""
        return tuple(name for name in ("method", "output") if getattr(self, name) != getattr(BundleOptions, name))
