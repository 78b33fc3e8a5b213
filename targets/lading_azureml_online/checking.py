"""Check whether a release can come up at the endpoint that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import BadInput, LadingError, Refused

from .options import ANOTHER, KubernetesOnlineOptions, identities
from .owning import foreign_traffic, has_auth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading import DeployRequest
    from lading_azureml_v2.resources import Endpoint, OnlineDeployment
    from lading_azureml_v2.workspace import Workspace

    from .options import OnlineOptions


def problem(
    request: DeployRequest[OnlineOptions],
    endpoint: Endpoint | None,
    found: Sequence[OnlineDeployment],
    workspace: Workspace,
) -> LadingError | None:
    """The reason why a release cannot come up at this endpoint, or at a new one; None if it can.

    It is Refused if a deployment of others gets requests, which it would lose. It is BadInput for several models
    without an image, for another cluster or identity, which Azure cannot change, and for a canary with another `auth`.
    """
    options = request.deployment.options
    if options.environment and request.package.model.parts:
        return BadInput(
            "a deployment of Azure ML has one model, and this package has several",
            hint="remove `environment`, so that the deployment gets an image with all of them",
            option="environment",
        )
    if endpoint is None:
        return None
    if foreign := foreign_traffic(endpoint, found, request.deployment):
        hint = "move its traffic away, or give the target's block another service_name"
        return Refused(f"{foreign}: it is left alone", hint=hint)
    if request.beside and not has_auth(endpoint, options):
        return BadInput(
            f"endpoint {endpoint.name} has another `auth`, which is that of its canary too",
            hint="deploy this change without a canary",
            option="auth",
        )
    return unchangeable(options, endpoint, workspace)


def unchangeable(options: OnlineOptions, endpoint: Endpoint, workspace: Workspace) -> BadInput | None:
    """The fault of options that Azure cannot change at an endpoint; None if they are those of the endpoint."""
    if endpoint.identities != identities(options):
        message = f"endpoint {endpoint.name} has another identity, and Azure cannot change it"
        return BadInput(message, hint=ANOTHER, option="identity")
    wanted = f"{workspace.id}/computes/{options.compute}" if isinstance(options, KubernetesOnlineOptions) else ""
    if wanted.lower() == endpoint.compute.lower():
        return None
    message = f"endpoint {endpoint.name} is on {endpoint.compute or 'instances of Azure'}, and Azure cannot move it"
    return BadInput(message, hint=ANOTHER, option="compute" if wanted else "")
