"""A replacement for `azureml.core.model` if no distribution provides it: it finds the files of a model."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

_MODELS = "azureml-models"


class ModelNotFoundException(Exception):
    """No model has this name and version."""


class Model:
    """The part of Azure's class that a scoring script needs."""

    @staticmethod
    def get_model_path(model_name: str, version: int | None = None, _workspace: object = None) -> str:
        """The path of a registered model: of its file, or of its folder. By default of its newest version.

        Raises TypeError for a version that is not an integer, and ModelNotFoundException for a model that is not
        deployed with this script.
        """
        if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
            raise TypeError(f"version must be an integer, not {version!r}")
        known = _deployed(Path(os.environ["AML_APP_ROOT"], _MODELS))
        versions = known.get(model_name, {})
        found = versions.get(max(versions, default=0) if version is None else version)
        if found is not None:
            return str(found)
        if version is None and Path(model_name).exists():
            return model_name  # a file beside the script, as with Azure's class
        wanted = model_name if version is None else f"{model_name} version {version}"
        names = ", ".join(f"{name} version {number}" for name in sorted(known) for number in sorted(known[name]))
        raise ModelNotFoundException(f"no model {wanted} is deployed here: there is {names}")


def _deployed(folder: Path) -> dict[str, dict[int, Path]]:
    """The deployed models: the path of each by its name and version."""
    found: dict[str, dict[int, Path]] = {}
    for place in folder.glob("*/*/*"):
        name, version = place.parts[-3:-1]
        if version.isdecimal():
            found.setdefault(name, {})[int(version)] = place
    return found


def provide() -> None:
    """Make `azureml.core.model` importable, with this module in its place."""
    core, whole = ModuleType("azureml.core"), ModuleType("azureml")
    core.__dict__.update(__path__=[], model=sys.modules[__name__], Model=Model)
    whole.__dict__.update(__path__=[], core=core)
    sys.modules.update({"azureml.core": core, "azureml.core.model": sys.modules[__name__]})
    sys.modules.setdefault("azureml", whole)
    if _Missing not in sys.meta_path:
        sys.meta_path.append(_Missing)


class _Missing:
    """The last finder of modules: it says what the other parts of Azure's package need.

    An attribute of the modules would not do: libraries that look through all modules ask for attributes of any name.
    """

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name.startswith("azureml."):
            message = f"{name} needs azureml-core: add it to package.environment"
            raise ModuleNotFoundError(message, name="azureml")
