"""The kubeconfig of a cluster of AKS from Azure, and tokens for its API server. Only this module imports azure.

A cluster with Entra ID has a kubeconfig that starts the program kubelogin. A token for the server application of AKS,
which has the same id everywhere, does the same without a program.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import yaml
from azure.core import PipelineClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, UserAgentPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import (
    AzureCliCredential,
    DefaultAzureCredential,
    EnvironmentCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from lading import BadInput, LadingError, StageFailed, Transient, __version__, retry_after

from .failing import Unauthorized
from .options import AksCluster

_MANAGEMENT = "https://management.azure.com"
_API_VERSION = "2025-10-01"
_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
_CONNECT, _READ = 10, 30  # seconds
_LONGEST = 400  # characters of a message
_OPTIONS = {"SubscriptionNotFound": "subscription_id", "ResourceGroupNotFound": "resource_group"}

_CREDENTIALS: Mapping[str | None, Callable[[], Any]] = {
    None: DefaultAzureCredential,
    "service-principal": EnvironmentCredential,
    "workload-identity": WorkloadIdentityCredential,
    "managed-identity": ManagedIdentityCredential,
    "cli": AzureCliCredential,
}
_HINTS = {
    "service-principal": "export AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
    "workload-identity": "the pod needs the label azure.workload.identity/use and a service account with a client id",
    "managed-identity": "give the machine an identity, or use another `auth`",
    "cli": "`az login` signs in",
}


def kubeconfig(cluster: AksCluster) -> Any:
    """The kubeconfig of a user of the cluster. Raises BadInput if the cluster does not exist."""
    reply = _ask(cluster)
    if reply.status_code != 200:
        raise _failure(cluster, reply)
    try:
        return yaml.safe_load(base64.b64decode(reply.json()["kubeconfigs"][0]["value"], validate=True))
    except (KeyError, IndexError, TypeError, ValueError, yaml.YAMLError) as error:
        raise StageFailed(f"Azure gives no usable kubeconfig of the cluster {cluster.name}") from error


def token(cluster: AksCluster) -> str:
    """A token for the API server. The credential keeps it, and renews it before it expires."""
    try:
        return str(_credential(cluster.auth).get_token(_SERVER).token)
    except (AzureError, ValueError) as error:
        raise _no_sign_in(cluster, error) from error


@cache
def _credential(auth: str | None) -> TokenCredential:
    made: TokenCredential = _CREDENTIALS[auth]()
    return made


def _ask(cluster: AksCluster) -> HttpResponse:
    place = f"/subscriptions/{quote(cluster.subscription_id)}/resourceGroups/{quote(cluster.resource_group)}"
    path = f"{place}/providers/Microsoft.ContainerService/managedClusters/{quote(cluster.name)}"
    request = HttpRequest(
        "POST",
        f"{_MANAGEMENT}{path}/listClusterUserCredential",
        params={"api-version": _API_VERSION, "format": "exec"},
    )
    try:
        policies = [
            UserAgentPolicy(f"lading/{__version__}"),
            BearerTokenCredentialPolicy(_credential(cluster.auth), f"{_MANAGEMENT}/.default"),
        ]
        transport = RequestsTransport(connection_timeout=_CONNECT, read_timeout=_READ)
        client: Any = PipelineClient(_MANAGEMENT, policies=policies, transport=transport)
        with client:
            reply: HttpResponse = client.send_request(request)
            reply.read()
            return reply
    except (ClientAuthenticationError, ValueError) as error:  # a ValueError names a variable that is not set
        raise _no_sign_in(cluster, error) from error
    except AzureError as error:
        raise Transient(f"{_MANAGEMENT} does not answer: {_short(error.message)}", retry_after=1.0) from error


def _failure(cluster: AksCluster, reply: HttpResponse) -> LadingError:
    code, message = _words(reply)
    status, said = reply.status_code, f"Azure says about the cluster {cluster.name}: {message}"
    if status == 404:
        return BadInput(said, option=f"aks_cluster.{_OPTIONS.get(code, 'name')}")
    if status in (408, 429) or status >= 500:
        wait = retry_after(reply.headers.get("Retry-After"), date=reply.headers.get("Date"))
        return Transient(said, retry_after=2.0 if wait is None else wait)
    if status == 401:
        return _no_sign_in(cluster, said)
    if status == 403:
        return StageFailed(said, hint="the account needs the role 'Azure Kubernetes Service Cluster User Role'")
    return StageFailed(said)


def _words(reply: HttpResponse) -> tuple[str, str]:
    """The code and the message of a refusal."""
    try:
        error = reply.json()["error"]
        return str(error["code"]), _short(error["message"])
    except (KeyError, TypeError, ValueError):
        return "", f"status {reply.status_code}"


def _no_sign_in(cluster: AksCluster, error: object) -> Unauthorized:
    hint = _HINTS.get(cluster.auth or "", "`az login` signs in; `auth` under aks_cluster names another way")
    return Unauthorized(f"Azure cannot be signed in to: {_short(error)}", hint=hint)


def _short(text: object) -> str:
    return " ".join(str(text).split())[:_LONGEST]
