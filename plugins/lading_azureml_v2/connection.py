"""Open a workspace from the options of a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lading import Context, StageFailed
from lading_azureml.connection import place_in

from .options import AzureV2Options

if TYPE_CHECKING:
    from lading_azureml.port import Place

    from .registries import Registry
    from .runs import Runs
    from .workspace import Workspace


@dataclass(frozen=True)
class AzureV2Connection:
    """An open workspace, the name of its connection in the manifest, and the name of its experiment.

    `registry` has its models, if the options name one.
    """

    name: str
    place: Place
    experiment: str | None
    workspace: Workspace
    registry: Registry | None = None

    @property
    def runs(self) -> Runs:
        return self.workspace.runs

    @property
    def models(self) -> Registry | Workspace:
        """The place where models are registered."""
        return self.registry or self.workspace


def connect(name: str, options: AzureV2Options, context: Context) -> AzureV2Connection:
    """Sign in and open the workspace.

    Raises BadInput for a `config` file that names no workspace. Raises StageFailed if the extra is not installed, the
    sign-in fails or the workspace does not exist.
    """
    try:
        from .registries import Registry
        from .rest import Arm
        from .workspace import open_workspace
    except ImportError as error:
        hint = "pip install 'lading[azureml-v2]'"
        raise StageFailed(f"Azure ML cannot be reached: {error.name} is not installed", hint=hint) from error
    place = place_in(options)
    arm = Arm(place, options, context)
    registry = Registry(arm, options.registry) if options.registry else None
    return AzureV2Connection(name, place, options.experiment, open_workspace(arm), registry)
