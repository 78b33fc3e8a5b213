"""The environment that a manifest asks for, and the parts of a package that it must fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from lading import InputPath, Options, Text

Entry = Annotated[str, Text(min_length=1, max_length=400)]


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
class Asked:
    """An environment with the scoring script that it is for, and the files and folders beside the script."""

    environment: Environment | None
    script: Path | None
    beside: tuple[Path, ...]
    allow_skew: bool
