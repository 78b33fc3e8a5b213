"""The options of the plugin `bundle`, under `package:` in a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from lading import InputPath, Options, Text

if TYPE_CHECKING:
    from lading import ExpectedModel, PackageProblem

Entry = Annotated[str, Text(min_length=1, max_length=400)]

OWN_SCRIPT = "a scoring script of your own calls the model itself"


@dataclass(frozen=True)
class Environment(Options):
    """The packages that scoring imports. Each is pinned, with its requirements, at the version of the training."""

    conda: tuple[Entry, ...] = ()
    """Conda packages, with versions if they matter: `scikit-learn`, `numpy=1.26`, `conda-forge::xgboost`. pip installs
    them."""

    pip: tuple[Entry, ...] = ()
    """Requirements as pip reads them: `pandas`, `azureml-core==1.60.0`."""

    conda_file: InputPath | None = None
    """A conda file, such as `conda.yml`. Its channels are kept, and pip installs its packages."""

    requirements: InputPath | None = None
    """A requirements file of pip, such as `requirements.txt`."""

    lock: InputPath | None = None
    """A lock file, `uv.lock` or `pylock.toml`. The package gets exactly its versions, without those of development."""

    def __post_init__(self) -> None:
        if self.lock and (self.conda or self.pip or self.conda_file or self.requirements):
            raise ValueError("lock: it has every version already; remove the other keys of environment")


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
        if self.scoring_script and self.answers_otherwise:
            raise ValueError(f"{self.answers_otherwise}: {OWN_SCRIPT}")

    def package_problems(self, model: ExpectedModel) -> Sequence[PackageProblem]:
        if self.environment is None and self.scoring_script is None:
            return ()
        from .judging import expected_problems  # a deploy with nothing to do does not load it

        return expected_problems(self, model)

    @property
    def answers_otherwise(self) -> str:
        """The option that changes the answers of the default script. Empty if none does."""
        return next((name for name in ("method", "output") if getattr(self, name) != getattr(type(self), name)), "")

    @property
    def own_script(self) -> bool:
        return self.scoring_script is not None
