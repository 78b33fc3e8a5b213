"""Refuse a deploy that Azure cannot do, before it changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import BadInput, Refused

from .options import identities
from .owning import has_auth

if TYPE_CHECKING:
    from lading import DeployRequest
    from lading_azureml_v2.resources import Endpoint
    from lading_azureml_v2.workspace import Workspace

    from .kind import Kind
    from .options import OnlineOptions

_ANOTHER = "give the target's block another service_name, or delete the endpoint first"


def check(
    kind: Kind,
    request: DeployRequest[OnlineOptions],
    workspace: Workspace,
    endpoint: Endpoint | None,
    foreign: str,
) -> None:
    """Raise Refused if a deployment of others gets requests, which it would lose: `foreign` says so.

    Raise BadInput for several models without an image, for another cluster or another identity, which Azure cannot
    change, and for a canary with another `auth`.
    """
    if foreign:
        hint = "move its traffic away, or give the target's block another service_name"
        raise Refused(f"{foreign}: it is left alone", hint=hint)
    options = request.deployment.options
    if options.environment and request.package.model.parts:
        raise BadInput(
            "a deployment of Azure ML has one model, and this package has several",
            hint="remove `environment`, so that the deployment gets an image with all of them",
            option="environment",
        )
    if endpoint is not None:
        _check_endpoint(kind, request, workspace, endpoint)


def _check_endpoint(
    kind: Kind, request: DeployRequest[OnlineOptions], workspace: Workspace, endpoint: Endpoint
) -> None:
    options = request.deployment.options
    if endpoint.identities != identities(options):
        message = f"endpoint {endpoint.name} has another identity, and Azure cannot change it"
        raise BadInput(message, hint=_ANOTHER, option="identity")
    if request.beside and not has_auth(endpoint, options):
        message = f"endpoint {endpoint.name} has another `auth`, which is that of its canary too"
        raise BadInput(message, hint="deploy this change without a canary", option="auth")
    wanted = str(kind.endpoint(options, workspace.id).get("compute") or "")
    if wanted.lower() != endpoint.compute.lower():
        place = endpoint.compute or "instances of Azure"
        message = f"endpoint {endpoint.name} is on {place}, and Azure cannot move it"
        raise BadInput(message, hint=_ANOTHER, option="compute" if wanted else "")
