"""The facts that identify a release in its metrics and in its log, from variables of its environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_VARIABLES = {
    "service": "LADING_SERVICE",
    "release": "LADING_RELEASE",
    "release_id": "LADING_RELEASE_ID",
    "package": "LADING_PACKAGE",
    "model": "LADING_MODEL_NAME",
    "version": "LADING_MODEL_VERSION",
}


def variables(tags: Mapping[str, str], model: str, version: int | str) -> dict[str, str]:
    """The variables for a release with the tags of a deploy, and a model."""
    facts = {
        "service": tags["lading.service"],
        "release": tags["lading.release"],
        "release_id": tags["lading.release-id"],
        "package": tags["lading.package"],
        "model": model,
        "version": str(version),
    }
    return {_VARIABLES[name]: value for name, value in facts.items()}


def identity(env: Mapping[str, str]) -> dict[str, str]:
    """The facts in an environment. An image that is started by others knows only its package and its model."""
    folder = Path(env.get("AZUREML_MODEL_DIR", ""))
    known = {"service": env.get("SERVICE_NAME", ""), "model": folder.parent.name, "version": folder.name}
    return {name: env.get(variable) or known.get(name, "") for name, variable in _VARIABLES.items()}
