"""The requirements of a finished model beside the version of scikit-learn that made it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from packaging.version import InvalidVersion, Version

from lading import TrainedModel

_FIRST_FOR_NUMPY_2 = Version("1.4.2")  # earlier wheels were built for NumPy 1, but the metadata of many allows NumPy 2


def with_requirements(described: TrainedModel) -> TrainedModel:
    """The description of a finished model, with its requirements."""
    return replace(described, requires=tuple(_requirements(described)))


def _requirements(described: TrainedModel) -> Iterator[str]:
    try:
        version = Version(described.framework_version)
    except InvalidVersion:  # the file contains none
        return
    if version < _FIRST_FOR_NUMPY_2:
        yield "numpy<2"
    if described.schema is not None and described.schema.is_framed:
        yield "pandas"  # the default scoring script makes data frames
