"""A package and its model, laid out as Azure ML's inference server expects them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..model import Package


def lay_out(package: Package, folder: Path) -> Path:
    """Lay a package out in `folder`, which must not exist, and return the model's folder (`AZUREML_MODEL_DIR`).

    `folder` gets the package's files (`azureml-app/`, `conda.yml`, ...) and
    `azureml-models/{name}/{version}/{file}`, the layout that `Model.get_model_path` searches. The model is
    hard-linked, or copied where the file system cannot link.
    """
    shutil.copytree(package.folder, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    model = package.model
    model_folder = folder / "azureml-models" / model.name / str(model.version)
    model_folder.mkdir(parents=True)
    link_or_copy(model.file, model_folder / model.file_name)
    return model_folder


def link_or_copy(source: Path, destination: Path) -> None:
    """Hard-link a read-only file; copy it where the file system has no links or the folders lie on two of them."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copyfile(source, destination)
        destination.chmod(0o400)
