"""The options of a connection to a workspace of Azure ML v2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lading import Text
from lading_azureml.options import Experiment, WorkspaceOptions


@dataclass(frozen=True)
class AzureV2Options(WorkspaceOptions):
    """A workspace that exists, and the experiment of its runs."""

    experiment: Experiment | None = None
    """The experiment that runs are logged to; by default the name of the service."""

    registry: Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{1,32}$")] | None = None
    """A registry of Azure ML. Models are registered there instead of in the workspace, so that other workspaces can
    use them.
    """
