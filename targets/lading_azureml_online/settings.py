"""The settings of an endpoint and its deployments, as Azure shows them, compared with the options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import bodies
from .owning import OPTIONS, has_auth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading_azureml_v2.resources import Endpoint, OnlineDeployment
    from lading_azureml_v2.workspace import Workspace

    from .kind import Kind
    from .options import OnlineOptions


def differs(kind: Kind, options: OnlineOptions, endpoint: Endpoint, workspace: Workspace) -> bool:
    """Whether an endpoint has other settings than the options, of those that change without a new deployment."""
    same = options.tags == endpoint.own_tags and (options.description or "") == endpoint.description
    return not same or not has_auth(endpoint, options) or _access(kind, options, endpoint, workspace) != ""


def endpoint_changes(
    kind: Kind, options: OnlineOptions, endpoint: Endpoint, workspace: Workspace
) -> Iterator[tuple[str, str]]:
    """The settings of an endpoint that others have changed, by their options, in words.

    A policy of the subscription may add tags, and Azure may not keep each value. Neither is a change.
    """
    if not has_auth(endpoint, options):
        yield "auth", f"changed to {endpoint.auth}"
    if access := _access(kind, options, endpoint, workspace):
        yield "public_network_access", f"changed to {access}"
    if endpoint.description and _is_other(options.description or "", endpoint.description):
        yield "description", "changed on the endpoint"
    shown = endpoint.own_tags
    for name, value in options.tags.items():
        if name in shown and _is_other(value, shown[name]):
            yield f"tags.{name}", "changed on the endpoint"


def is_of(kind: Kind, options: OnlineOptions, found: OnlineDeployment, workspace: Workspace) -> bool:
    """Whether a deployment was made with these options, apart from values of variables."""
    return found.tags.get(OPTIONS) == bodies.digest(kind, options, workspace, found.environment)


def _access(kind: Kind, options: OnlineOptions, endpoint: Endpoint, workspace: Workspace) -> str:
    """The access that an endpoint has in place of that of the options; empty if it is the same."""
    private = kind.endpoint(options, workspace.id).get("publicNetworkAccess") == "Disabled"
    shown = "enabled" if endpoint.is_public else "disabled"
    return shown if endpoint.is_public == private else ""


def _is_other(wanted: str, shown: str) -> bool:
    """Whether a text is another one. That of a variable which is not set is unknown."""
    return wanted != shown and "${" not in wanted
