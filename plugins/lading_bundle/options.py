"""The options of the plugin `bundle`, under `package:` in a manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lading import InputPath, Options, Text

Entry = Annotated[str, Text(pattern=r"^[A-Za-z0-9][ -~]*$", max_length=200)]


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

    environment: Environment | None = None
    """The packages that scoring imports; by default those that the model's framework needs."""

    allow_version_skew: bool = False
    """Allow a package with another version of scikit-learn than the model was made with."""

    @property
    def own_script(self) -> bool:
        return self.scoring_script is not None
