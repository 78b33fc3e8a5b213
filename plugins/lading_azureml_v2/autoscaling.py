"""Autoscale settings of Azure Monitor, in the resource group of a workspace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote

from lading import Json, StageFailed
from lading_azureml.port import NotAllowed

from .rest import Reply
from .workspace import Workspace

_VERSION = "2022-10-01"  # the newest stable one of the published interface
_UNREGISTERED = re.compile("not registered to use", re.IGNORECASE)


class Unregistered(StageFailed):
    """The subscription is not registered for Azure Monitor, so it has no settings."""


class AutoscaleSettings:
    """The autoscale settings beside a workspace, by name. Each call raises NotAllowed for a missing right, and
    Unregistered for a subscription without Azure Monitor.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._arm = workspace.services.arm
        self._group = workspace.id.partition("/providers/")[0]

    def read(self, name: str) -> Json:
        """The setting of that name, with any owner; None if the resource group has none."""
        reply = self._ask("reading", "GET", name, gone=True)
        return reply.body if reply.status != 404 else None

    def put(self, name: str, body: Json) -> None:
        """Write a setting, which is in effect at once."""
        self._ask("writing", "PUT", name, body)

    def delete(self, name: str) -> None:
        """Delete a setting, if it exists."""
        with suppress(Unregistered):
            self._ask("deleting", "DELETE", name, gone=True)

    def permissions(self) -> tuple[Mapping[str, Json], ...]:
        """The actions that the sign-in may take on the resource group, as Azure lists them."""
        return self._arm.permissions(self._group)

    def _ask(self, verb: str, method: str, name: str, body: Json = None, *, gone: bool = False) -> Reply:
        what = f"{verb} autoscale setting {name}"
        path = f"{self._group}/providers/Microsoft.Insights/autoscaleSettings/{quote(name, safe='')}"
        try:
            return self._arm.ask(what, method, path, _VERSION, body, gone=gone)
        except NotAllowed as error:
            group = self._arm.place.resource_group
            hint = f"this sign-in needs a role with the action on resource group {group}, such as Contributor"
            raise NotAllowed(error.message, hint=hint) from error
        except StageFailed as error:
            if not _UNREGISTERED.search(error.message):
                raise
            hint = "`az provider register --namespace Microsoft.Insights`, then deploy again"
            message = f"{what} failed: the subscription is not registered to use Microsoft.Insights"
            raise Unregistered(message, hint=hint) from error
