"""Open a workspace from the options of a connection."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lading import Context, StageFailed

from .options import AzureOptions, WorkspaceOptions
from .portal import names_in

if TYPE_CHECKING:
    from .port import AzureWorkspace, Place
    from .runs import Runs

_EXTRA = "pip install 'lading[azureml]'"


@dataclass(frozen=True)
class AzureConnection:
    """An open workspace, the name of its connection in the manifest, and the name of its experiment."""

    name: str
    place: Place
    experiment: str | None
    workspace: AzureWorkspace

    @property
    def runs(self) -> Runs:
        return self.workspace


def connect(name: str, options: AzureOptions, context: Context) -> AzureConnection:
    """Sign in and open the workspace, or create it if the options request that.

    Raises BadInput for a `config` file that names no workspace. Raises StageFailed if the SDK is missing, the sign-in
    fails or the workspace cannot be reached.
    """
    _require_sdk()
    from .sdk import open_workspace

    place = place_in(options)
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


def place_in(options: WorkspaceOptions) -> Place:
    """The workspace that the options name. Raises BadInput for a `config` file that names none."""
    from .port import Place

    if options.config:
        return Place(*names_in(options.config))
    assert options.subscription_id
    assert options.resource_group
    assert options.workspace
    return Place(options.subscription_id, options.resource_group, options.workspace)
