"""The options of a connection to a workspace of Azure ML v2."""

from __future__ import annotations

from dataclasses import dataclass

from lading_azureml.options import Experiment, WorkspaceOptions


@dataclass(frozen=True)
class AzureV2Options(WorkspaceOptions):
    """A workspace that exists, and the experiment of its runs."""

    experiment: Experiment | None = None
    """The experiment that runs are logged to; by default the name of the service."""
