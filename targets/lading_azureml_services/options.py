"""The options of the targets `aci` and `aks`.

Options for the SDK's `deploy_configuration` have the SDK's names. A default in a description is Azure's own: Azure
applies it if the manifest does not have the option. Only `auth_enabled` on ACI has a default of Lading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lading import InputPath, Means, Options, Range, Text
from lading_azureml.options import EnvironmentOptions, Name, Variable

from .rules import Rules, above, check_env, has_all, has_any, obey, reserved

Positive = Annotated[float, Range(gt=0)]
Count = Annotated[int, Range(ge=1)]
Namespace = Annotated[str, Text(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Label = Annotated[str, Text(pattern=r"^[a-z][a-z0-9-]{1,61}[a-z0-9]$")]
ResourceId = Annotated[
    str,
    Text(
        pattern=r"^/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/Microsoft\.ContainerService/managedClusters/[^/]+$"
    ),
]


@dataclass(frozen=True)
class ServiceOptions(EnvironmentOptions):
    """The options that both kinds of service have."""

    deploy_only = ("env", "tags", "properties", "description")

    cpu_cores: Annotated[Positive | None, Means("processors")] = None
    """CPU cores of a container, which may be a fraction; 0.1 by default."""

    memory_gb: Positive | None = None
    """Memory of a container in GB, which may be a fraction; 0.5 by default."""

    env: Mapping[Variable, str] = field(default_factory=dict)
    """Environment variables of the scoring script. Azure ML keeps them: everybody who can read the workspace can read
    them.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the service, beside those that mark it as Lading's."""

    properties: Mapping[str, str] = field(default_factory=dict)
    """Properties of the service. Azure allows additions later, but no changes."""

    description: Annotated[str, Text(max_length=5000)] | None = None
    """Description of the service."""

    enable_app_insights: bool | None = None
    """Whether Application Insights is on; off by default."""

    collect_model_data: bool | None = None
    """Whether model data is collected; off by default."""

    recreate: bool = False
    """Whether a change that Azure cannot make in place deletes the service and creates it again. Nothing answers until
    the new one is up.
    """

    primary_key: Variable | None = None
    """Name of the environment variable that has the primary key; by default Azure generates one."""

    secondary_key: Variable | None = None
    """Name of the environment variable that has the secondary key."""


_COMMON: Rules = (
    (lambda o: o.secondary_key and not o.primary_key, "secondary_key: it needs primary_key"),
    (lambda o: reserved(o.tags), "tags: names that begin with `lading.` are Lading's own"),
)


@dataclass(frozen=True)
class AciOptions(ServiceOptions):
    """Azure Container Instances: one container that is replaced in place."""

    location: Name | None = None
    """Azure region of the container; the workspace's by default."""

    auth_enabled: bool = True
    """Whether requests must carry a key. Azure's own default is a public endpoint without a key."""

    ssl_enabled: bool | None = None
    """Whether the endpoint speaks HTTPS; it needs the three options below."""

    ssl_cert_pem_file: InputPath | None = None
    """The certificate, as a PEM file."""

    ssl_key_pem_file: InputPath | None = None
    """Its private key, as a PEM file."""

    ssl_cname: Name | None = None
    """The host name of the certificate."""

    dns_name_label: Label | None = None
    """First part of the endpoint's host name; by default Azure chooses one."""

    cmk_vault_base_url: Name | None = None
    """Key vault of a customer-managed key."""

    cmk_key_name: Name | None = None
    """Name of the customer-managed key."""

    cmk_key_version: Name | None = None
    """Version of the customer-managed key."""

    vnet_name: Name | None = None
    """Virtual network of the container."""

    subnet_name: Name | None = None
    """Subnet in that network."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_env(self.env)
        obey(self, _COMMON + _ACI)


_SSL = ("ssl_cert_pem_file", "ssl_key_pem_file", "ssl_cname")
_CMK = ("cmk_vault_base_url", "cmk_key_name", "cmk_key_version")
_VNET = ("vnet_name", "subnet_name")
_ACI: Rules = (
    (
        lambda o: o.ssl_enabled and not has_all(o, _SSL),
        "ssl_enabled: it needs ssl_cert_pem_file, ssl_key_pem_file and ssl_cname",
    ),
    (lambda o: has_any(o, _SSL) and not o.ssl_enabled, "ssl_enabled: it must be true for the other ssl options"),
    (
        lambda o: has_any(o, _CMK) and not has_all(o, _CMK),
        "a customer-managed key needs cmk_vault_base_url, cmk_key_name and cmk_key_version",
    ),
    (lambda o: has_any(o, _VNET) and not has_all(o, _VNET), "vnet_name and subnet_name go together"),
    (lambda o: o.primary_key and not o.auth_enabled, "primary_key: it needs auth_enabled"),
)


@dataclass(frozen=True)
class Provision(Options):
    """A cluster to create."""

    agent_count: Count | None = None
    """Number of machines; 3 by default."""

    vm_size: Name | None = None
    """Size of a machine, such as `Standard_D3_v2`."""

    location: Name | None = None
    """Azure region; the workspace's by default."""

    cluster_purpose: Literal["DevTest", "FastProd"] | None = None
    """`FastProd` by default, which needs at least 12 virtual CPUs."""


@dataclass(frozen=True)
class AksOptions(ServiceOptions):
    """Azure Kubernetes Service: containers on a cluster of the workspace, replaced one after another."""

    compute_target_name: Annotated[str, Text(pattern=r"^[a-z][a-z0-9-]{0,14}[a-z0-9]$")] = "aks"
    """Name of the cluster in the workspace."""

    attach: ResourceId | None = None
    """Resource id of an AKS cluster to attach under that name if the workspace does not have it."""

    provision: Provision | None = None
    """The cluster to create under that name if the workspace does not have it."""

    num_replicas: Annotated[Count | None, Means("requests at a time")] = None
    """Number of containers; without it the autoscaler is on."""

    autoscale_enabled: bool | None = None
    """Whether the number of containers follows the load."""

    autoscale_min_replicas: Count | None = None
    """Minimum number of containers; 1 by default."""

    autoscale_max_replicas: Count | None = None
    """Maximum number of containers; 10 by default."""

    autoscale_refresh_seconds: Count | None = None
    """Seconds between two measurements of the load; 1 by default."""

    autoscale_target_utilization: Annotated[int, Range(ge=1, le=100)] | None = None
    """Target load in percent; 70 by default."""

    auth_enabled: bool | None = None
    """Whether requests must carry a key; they must, unless token_auth_enabled is true."""

    token_auth_enabled: bool | None = None
    """Whether requests must carry a token of Azure Active Directory instead."""

    cpu_cores_limit: Positive | None = None
    """Maximum number of CPU cores of a container."""

    memory_gb_limit: Positive | None = None
    """Maximum memory of a container in GB."""

    gpu_cores: Annotated[int, Range(ge=0)] | None = None
    """GPUs of a container; none by default."""

    scoring_timeout_ms: Annotated[Count | None, Means("seconds that one call of run may take", unit=0.001)] = None
    """Milliseconds that one request may take; 60000 by default."""

    replica_max_concurrent_requests: Count | None = None
    """Requests that one container answers at a time; 1 by default, which Microsoft advises to keep."""

    max_request_wait_time: Count | None = None
    """Milliseconds that a request waits before it is answered with 503; 500 by default."""

    period_seconds: Count | None = None
    """Seconds between two liveness probes; 10 by default."""

    initial_delay_seconds: Count | None = None
    """Seconds before the first liveness probe; 310 by default."""

    timeout_seconds: Count | None = None
    """Seconds that a liveness probe may take; 2 by default."""

    success_threshold: Count | None = None
    """Probes that must succeed in a row after a failure; 1 by default."""

    failure_threshold: Count | None = None
    """Probes that may fail in a row; 3 by default."""

    namespace: Namespace | None = None
    """Kubernetes namespace of the service."""

    blobfuse_enabled: bool | None = None
    """Whether models are downloaded through blobfuse; on by default."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_env(self.env)
        obey(self, _COMMON + _AKS)


_AUTOSCALE = (
    "autoscale_min_replicas",
    "autoscale_max_replicas",
    "autoscale_refresh_seconds",
    "autoscale_target_utilization",
)
_AKS: Rules = (
    (lambda o: o.attach and o.provision, "provision: attach and provision exclude each other; keep one"),
    (lambda o: o.autoscale_enabled and o.num_replicas, "num_replicas: the autoscaler decides; keep one of the two"),
    (
        lambda o: o.autoscale_enabled is False and not o.num_replicas,
        "num_replicas: it is needed if autoscale_enabled is false",
    ),
    (
        lambda o: has_any(o, _AUTOSCALE) and not o.autoscale_enabled,
        "autoscale_enabled: it must be true for the other autoscale options",
    ),
    (
        lambda o: above(o.autoscale_min_replicas, o.autoscale_max_replicas),
        "autoscale_min_replicas: it is more than autoscale_max_replicas",
    ),
    (lambda o: above(o.cpu_cores, o.cpu_cores_limit), "cpu_cores_limit: it is less than cpu_cores"),
    (lambda o: above(o.memory_gb, o.memory_gb_limit), "memory_gb_limit: it is less than memory_gb"),
    (
        lambda o: o.token_auth_enabled and o.auth_enabled,
        "token_auth_enabled: auth_enabled and token_auth_enabled exclude each other; keep one",
    ),
    (
        lambda o: o.primary_key and (o.token_auth_enabled or o.auth_enabled is False),
        "primary_key: requests to this service carry no key",
    ),
)
