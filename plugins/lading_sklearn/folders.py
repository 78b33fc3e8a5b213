"""Describe a finished model that is a folder. Each pickle in it is read like a single model file."""

from __future__ import annotations

from pathlib import Path

from lading import BadInput, FileContents, TrainedModel, model_files

from .archives import PICKLES
from .inspection import inspect


def inspect_folder(folder: Path) -> TrainedModel:
    """Describe a folder. `framework` is scikit-learn if a pickle in it contains a version of scikit-learn.

    Raises BadInput if a file with the name of a pickle is empty or damaged. Raises Refused for a folder with content
    that no model may have. Raises Transient if a file cannot be read.
    """
    files = model_files(folder, folder.name)
    found = {name: described for name, file in files.items() if (described := _pickle(file)) is not None}
    contents = {name: each.contents for name, each in found.items() if each.contents is not None}
    versions = [each.framework_version for each in found.values() if each.framework_version]
    return TrainedModel(
        file=folder,
        framework="scikit-learn" if versions else "",
        framework_version=versions[0] if versions else "",
        contents=FileContents(
            format="folder",
            protocol=None,
            size=sum(file.stat().st_size for file in files.values()),
            classes=tuple(dict.fromkeys(name for each in contents.values() for name in each.classes)),
            imports=tuple(dict.fromkeys(one for each in contents.values() for one in each.imports)),
            complete=all(each.complete for each in contents.values()),
            files=contents,
        ),
    )


def _pickle(file: Path) -> TrainedModel | None:
    """The description of a file; None if it is not a pickle, whatever its name."""
    is_called_pickle = file.suffix.lower() in PICKLES
    try:
        found = inspect(file)
    except BadInput:  # empty, or only the beginning looks like a compressed file
        if is_called_pickle:
            raise
        return None
    return found if found.contents is not None and found.contents.is_pickle else None
