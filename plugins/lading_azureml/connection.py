"""Open a workspace from the options of a connection."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lading import BadInput, Context, StageFailed

from .options import AzureOptions

if TYPE_CHECKING:
    from pathlib import Path

    from .port import AzureWorkspace, Place

_PORTAL = ("subscription_id", "resource_group", "workspace_name")
_EXTRA = "pip install 'lading[azureml]'"


@dataclass(frozen=True)
class AzureConnection:
    """An open workspace, the name of its connection in the manifest, and the name of its experiment."""

    name: str
    place: Place
    experiment: str | None
    workspace: AzureWorkspace


def connect(name: str, options: AzureOptions, context: Context) -> AzureConnection:
    """Sign in and open the workspace, or create it if the options request that.

    Raises BadInput for a `config` file that names no workspace. Raises StageFailed if the SDK is missing, the sign-in
    fails or the workspace cannot be reached.
    """
    _require_sdk()
    from .sdk import open_workspace

    place = _place(options)
    return AzureConnection(name, place, options.experiment, open_workspace(place, options, context))


def _require_sdk() -> None:
    from importlib.util import find_spec

    if find_spec("azureml") and find_spec("azureml.core"):
        return
    if sys.version_info >= (3, 13):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise StageFailed(
            f"Azure ML cannot be reached from Python {version}: its SDK has no release for 3.13 and later",
            hint=f"with Python 3.11 or 3.12: {_EXTRA}",
        )
    raise StageFailed("Azure ML cannot be reached: its SDK is not installed", hint=_EXTRA)


def _place(options: AzureOptions) -> Place:
    from .port import Place

    if options.config:
        return _portal_place(options.config)
    assert options.subscription_id
    assert options.resource_group
    assert options.workspace
    return Place(options.subscription_id, options.resource_group, options.workspace)


def _portal_place(file: Path) -> Place:
    from .port import Place

    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{file} names no workspace: {error}", option="config") from None
    parts: list[Any] = [value.get(key) if isinstance(value, dict) else None for key in _PORTAL]
    if not all(isinstance(part, str) and part for part in parts):
        raise BadInput(
            f"{file} names no workspace",
            hint="it needs subscription_id, resource_group and workspace_name, as in the portal's config.json",
            option="config",
        )
    return Place(*parts)
