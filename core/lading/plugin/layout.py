"""Lay out a package and its model as Azure ML's inference server expects them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..store.tree import CACHES, files_of

if TYPE_CHECKING:
    from ..model import ModelVersion, Package

WHEELS = "wheels"
"""The folder of a package with the wheels that its requirements name as `NAME @ file:wheels/FILE`."""


def lay_out(package: Package, folder: Path) -> Path:
    """Lay a package out in `folder`, which must not exist, and return the model's folder (`AZUREML_MODEL_DIR`).

    `folder` gets the package's files (`azureml-app/`, `conda.yml`, ...) and
    `azureml-models/{name}/{version}/{file}`, the layout that `Model.get_model_path` searches. A model that is a folder
    lies there under the name of the folder. Its files are hard-linked, or copied if the file system cannot link. If
    several models are deployed together, each lies there, and the model's folder is `azureml-models`.
    """
    shutil.copytree(package.folder, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    for name, source in laid_out_files(package.model).items():
        _make_private((folder / name).parent)
        link_or_copy(source, folder / name)
    return folder / package.model.directory


def install_lines(requirements: Iterable[str], folder: Path | str) -> tuple[str, ...]:
    """The requirements of a package as pip reads them, if the files of the package are in `folder`.

    Example:
        >>> install_lines(["numpy==2.4.6", "thing @ file:wheels/thing-1.0-py3-none-any.whl"], "/install")
        ('numpy==2.4.6', 'thing @ file:///install/wheels/thing-1.0-py3-none-any.whl')
    """
    place = f" @ file://{quote(str(folder))}/{WHEELS}/"
    return tuple(line.replace(f" @ file:{WHEELS}/", place, 1) for line in requirements)


def laid_out_files(model: ModelVersion) -> dict[str, Path]:
    """The files of a model by the paths that they have in a package that is laid out.

    Example:
        >>> laid_out_files(model)
        {'azureml-models/sal_model/3/model.joblib': PosixPath('…')}
    """
    files = model_files(model.file, model.file_name)
    return files if model.parts else {f"{model.directory}/{name}": file for name, file in files.items()}


def copy_model(file: Path, file_name: str, folder: Path, *, link: bool = True) -> None:
    """Copy the files of a model to their places below a folder; see `model_files` for the arguments.

    With `link` they are hard links to read-only files if the file system allows it, else copies with usual permissions.
    New folders have mode 0700.
    """
    copy: Callable[[Path, Path], object] = link_or_copy if link else shutil.copyfile
    for name, source in model_files(file, file_name).items():
        place = folder / name
        _make_private(place.parent)
        copy(source, place)


def _make_private(folder: Path) -> None:
    """Create a folder and its missing parents with mode 0700, whatever the umask is. The folder may exist."""
    if not folder.is_dir():
        _make_private(folder.parent)
        folder.mkdir()
        folder.chmod(0o700)


def model_files(file: Path, file_name: str) -> dict[str, Path]:
    """The files of a model, by their paths below the folder that `AZUREML_MODEL_DIR` names.

    Arguments are those of a `ModelVersion` or a `RegisterRequest`: `file` is one file or a folder, `file_name` the
    name that it had. The order is the same everywhere. Raises Refused if a folder has content that a model cannot have.

    Example:
        >>> model_files(model.file, model.file_name)  # of a folder `forest`
        {'forest/config.json': PosixPath('…/config.json'), 'forest/weights.bin': PosixPath('…/weights.bin')}
    """
    if not file.is_dir():
        return {file_name: file}
    return {f"{file_name}/{name}": path for name, path in files_of(file, leave_out=CACHES).items()}


def link_or_copy(source: Path, destination: Path) -> None:
    """Hard-link a read-only file. Copy it if the file system has no links or the folders are on two file systems."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copyfile(source, destination)
        destination.chmod(0o400)
