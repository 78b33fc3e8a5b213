"""What a manifest may say under `package:` for the plugin `bundle`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lading import InputPath, Options, Text

Entry = Annotated[str, Text(pattern=r"^[A-Za-z0-9][ -~]*$", max_length=200)]


@dataclass(frozen=True)
class Environment(Options):
    """What scoring imports; each is pinned, with all that it needs, at the version that the model was trained with."""

    conda: tuple[Entry, ...] = ()
    """Conda packages, with versions where they matter: `scikit-learn`, `numpy=1.26`, `conda-forge::xgboost`."""

    pip: tuple[Entry, ...] = ()
    """Requirements as pip reads them: `pandas`, `azureml-core==1.60.0`."""


@dataclass(frozen=True)
class BundleOptions(Options):
    """Everything has a default for a plain scikit-learn model."""

    scoring_script: InputPath | None = None
    """A Python file with `init()` and `run(raw_data)`, as Azure ML runs it; without one, a default script answers
    `{"data": [[...]]}` from a scikit-learn model."""

    include: tuple[InputPath, ...] = ()
    """Further files and folders that the scoring script needs, put beside it under their own names."""

    environment: Environment | None = None
    """What scoring imports; by default what the model's framework needs."""

    allow_version_skew: bool = False
    """Package a model for another scikit-learn than the one that made it."""
