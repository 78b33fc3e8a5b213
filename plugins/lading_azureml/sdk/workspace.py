"""Open a workspace, and combine all its parts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from azureml.core import Workspace
from azureml.exceptions import ProjectSystemException, WorkspaceException

from lading import Context, StageFailed, Transient

from ..options import AzureOptions
from ..port import BuiltImage, Compute, Place, RegisteredModel, Service
from .calls import Caller
from .computes import Computes
from .registry import Images
from .services import Services
from .signing_in import Identity, sign_in


class OpenWorkspace(Services, Images, Computes):
    """A workspace through the SDK. It implements `port.AzureWorkspace`."""


class UnmadeWorkspace(OpenWorkspace):
    """A workspace that is created at the first write. Until then, reads find nothing in it."""

    def model(self, name: str, version: int) -> RegisteredModel | None:
        return super().model(name, version) if self._is_made else None

    def find_model(self, name: str, sha256: str) -> RegisteredModel | None:
        return super().find_model(name, sha256) if self._is_made else None

    def find_image(self, repository: str, label: str) -> BuiltImage | None:
        return super().find_image(repository, label) if self._is_made else None

    def find_service(self, name: str) -> Service | None:
        return super().find_service(name) if self._is_made else None

    def all_services(self) -> Sequence[Service]:
        return super().all_services() if self._is_made else ()

    def check_registry(self) -> None:
        if self._is_made:
            super().check_registry()

    def find_compute(self, name: str) -> Compute | None:
        return super().find_compute(name) if self._is_made else None

    @property
    def _is_made(self) -> bool:
        return "_workspace" in vars(self)


def open_workspace(place: Place, options: AzureOptions, context: Context) -> OpenWorkspace:
    """Sign in and find the workspace. If it is missing and the options request it, it is created at its first use.

    Raises StageFailed, with the next step, if the sign-in, the subscription, the workspace or a role is missing.
    """
    identity = sign_in(options, context)
    call = Caller(identity, place)
    workspace = call("opening the workspace", lambda: _get(place, identity, options))
    if workspace is not None:
        return OpenWorkspace(lambda: workspace, call)

    def make() -> Any:
        context.intend(f"workspace/{place.workspace}")
        context.progress("creating the workspace", f"{place.workspace} in {options.location}")
        return call("creating the workspace", lambda: _create(place, identity, options))

    return UnmadeWorkspace(make, call)


def _get(place: Place, identity: Identity, options: AzureOptions) -> Any:
    """The workspace; None if it does not exist and may be created."""
    try:
        found = Workspace(place.subscription_id, place.resource_group, place.workspace, auth=identity)
    except ProjectSystemException as error:
        if error.message != "Workspace not found.":
            raise
        if options.create:
            return None
        raise StageFailed(
            f"no workspace {place.workspace} in resource group {place.resource_group} of subscription "
            f"{place.subscription_id}",
            hint="check the names, or add `create: true` and a location to the connection",
        ) from error
    if found._workspace_autorest_object is None:  # the SDK hides a failure to reach Azure here
        raise Transient("opening the workspace: nobody answers", hint="check the network", retry_after=2.0)
    return found


def _create(place: Place, identity: Identity, options: AzureOptions) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # the SDK warns when it creates the resource group
            return Workspace.create(
                place.workspace,
                auth=identity,
                subscription_id=place.subscription_id,
                resource_group=place.resource_group,
                location=options.location,
                create_resource_group=options.create_resource_group,
                exist_ok=True,
                show_output=False,
            )
    except WorkspaceException as error:
        if error.message != "Resource group was not found.":
            raise
        raise StageFailed(
            f"no resource group {place.resource_group} in subscription {place.subscription_id}",
            hint="check the name, or add `create_resource_group: true` to the connection",
        ) from error
