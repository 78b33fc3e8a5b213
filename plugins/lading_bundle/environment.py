"""The environment that a manifest asks for, and the parts of a package that it must fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

from lading import IsInput, MayNameInput, Options, Text

from .named import named_files, wheel_path

Entry = Annotated[str, Text(min_length=1, max_length=400)]
PipEntry = Annotated[str, Text(min_length=1, max_length=400), MayNameInput(wheel_path)]
SourceFile = Annotated[Path, IsInput(names=named_files)]


@dataclass(frozen=True)
class Environment(Options):
    """The packages that scoring imports. Each is pinned, with its requirements, at the version of the training."""

    conda: tuple[Entry, ...] = ()
    """Conda packages, with versions if they matter: `scikit-learn`, `numpy=1.26`, `conda-forge::xgboost`. pip installs
    them."""

    pip: tuple[PipEntry, ...] = ()
    """Requirements as pip reads them: `pandas`, `azureml-core==1.60.0`, `./wheels/thing-1.0-py3-none-any.whl`."""

    conda_file: SourceFile | None = None
    """A conda file, such as `conda.yml`. Its channels are kept, and pip installs its packages."""

    requirements: SourceFile | None = None
    """A requirements file of pip, such as `requirements.txt`."""

    lock: SourceFile | None = None
    """A lock file, `uv.lock` or `pylock.toml`. The package gets exactly its versions, without those of development."""

    def __post_init__(self) -> None:
        if self.lock and (self.conda or self.pip or self.conda_file or self.requirements):
            raise ValueError("lock: it has every version already; remove the other keys of environment")


class Asked(NamedTuple):
    """An environment with the scoring script that it is for, and the files and folders beside the script."""

    environment: Environment | None
    script: Path | None
    beside: tuple[Path, ...]
    allow_skew: bool
