"""The owner of an endpoint, from its tags. An endpoint or a deployment of others is never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lading import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading import Context, Deployment
    from lading_azureml_v2.connection import AzureV2Connection
    from lading_azureml_v2.resources import Endpoint, OnlineDeployment
    from lading_azureml_v2.workspace import Workspace

    from .options import OnlineOptions

SERVICE, TARGET, RELEASE_ID = "lading.service", "lading.target", "lading.release-id"
PACKAGE, MODEL = "lading.package", "lading.model"
OPTIONS = "lading.options"
"""The tag with a digest of the content of a deployment, without the values of variables."""
ENVIRONMENT = "lading.environment"
"""The tag with the version of the environment of a deployment."""
SECRETS = "lading.secrets"
"""The tag with a seal of the values of variables."""

AUTOSCALE = "lading.autoscale"
"""The tag of a deployment that has a setting of Azure Monitor for its number of instances."""

BESIDE = "lading.beside"
"""The tag of a deployment that was made as a canary."""

HEADER = "azureml-model-deployment"
"""The header of a request that chooses a deployment, whatever its traffic."""

ALL = 100  # percent


def connection(context: Context) -> AzureV2Connection:
    return cast("AzureV2Connection", context.connection)


def workspace_of(context: Context) -> Workspace:
    return connection(context).workspace


def is_ours(tags: Mapping[str, str], deployment: Deployment) -> bool:
    return (tags.get(SERVICE), tags.get(TARGET)) == (deployment.service, deployment.target)


def our_endpoint(deployment: Deployment, context: Context) -> Endpoint | None:
    """The endpoint of the deployment; None if there is none. Raises Refused if it belongs to something else."""
    found = workspace_of(context).endpoint(deployment.service)
    if found is not None and not is_ours(found.tags, deployment):
        raise Refused(whose(found, context), hint="give the target's block another service_name")
    return found


def has_auth(endpoint: Endpoint, options: OnlineOptions) -> bool:
    """Whether the endpoint asks for the way of signing requests that the options have."""
    return endpoint.auth == options.auth.replace("_", "")


def is_canary(found: OnlineDeployment, endpoint: Endpoint, served: OnlineDeployment | None) -> bool:
    """Whether a deployment is a canary beside the one that serves.

    The tag stays after a promotion. So one without requests that is older than the one that serves is not a canary.
    """
    if BESIDE not in found.tags or found.is_leaving:
        return False
    if found.name in {**endpoint.traffic, **endpoint.mirror} or served is None:
        return True
    return found.created is None or served.created is None or found.created > served.created


def foreign(endpoint: Endpoint | None, found: Sequence[OnlineDeployment], deployment: Deployment) -> str:
    """The names of others' deployments that get requests or copies of them. Empty if none does."""
    shares = {**endpoint.traffic, **endpoint.mirror} if endpoint else {}
    return " and ".join(each.name for each in found if each.name in shares and not is_ours(each.tags, deployment))


def foreign_traffic(endpoint: Endpoint | None, found: Sequence[OnlineDeployment], deployment: Deployment) -> str:
    """The reason why the traffic may not be changed: others' deployments get requests. Empty if none does."""
    names = foreign(endpoint, found, deployment)
    return names and f"deployment {names} of endpoint {deployment.service} gets requests, and Lading has not made it"


def whose(found: Endpoint, context: Context) -> str:
    """The reason why an endpoint does not belong to a deployment."""
    target, place = found.tags.get(TARGET), connection(context).place.workspace
    service = found.tags.get(SERVICE)
    owner = f"the target '{target}' of {service} has made it" if target else "Lading has not made it"
    return f"workspace {place} has an endpoint {found.name} already, and {owner}: it is left alone"


def stable_of(endpoint: Endpoint | None, found: Sequence[OnlineDeployment]) -> str:
    """The name of the deployment that serves: that with the marks of the endpoint, or else with the most requests.

    Empty if none gets any.
    """
    traffic = endpoint.traffic if endpoint else {}
    if endpoint is None or not traffic:
        return ""
    marked = (each.name for each in found if each.tags.get(RELEASE_ID) == endpoint.tags.get(RELEASE_ID))
    return next(marked, max(traffic, key=lambda name: traffic[name]))
