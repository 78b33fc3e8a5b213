"""The options of the targets for online endpoints. They have the names of Microsoft's YAML schema (v2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from lading import Duration, Means, Options, Range, Text, check_env_sizes

from .autoscale import Autoscale
from .collector import DataCollector

if TYPE_CHECKING:
    from lading import Counterpart, Installs, Json

Count = Annotated[int, Range(ge=1, le=1000)]
Milliseconds = Annotated[int, Range(ge=1, le=180_000)]
Seconds = Annotated[int, Range(ge=1, le=3600), Duration()]
Variable = Annotated[str, Text(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=253)]
ResourceId = Annotated[str, Text(pattern=r"^/subscriptions/[^/]+/.+$", max_length=1000)]

Resource = Annotated[str, Text(pattern=r"^(cpu|memory|nvidia\.com/gpu)$")]
Quantity = Annotated[str, Text(pattern=r"^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$", max_length=30)]

ANOTHER = "give the target's block another service_name, or delete the endpoint first"
"""The next step for an option that Azure cannot change."""

_AZURES = ("AZUREML_MODEL_DIR", "AZUREML_ENTRY_SCRIPT", "AZUREML_SOURCE_DIRECTORY")
"""Variables of the image, which say where the model and the script are."""


@dataclass(frozen=True)
class RequestSettings(Options):
    """Limits of requests."""

    request_timeout_ms: Annotated[Milliseconds | None, Means("seconds that one call of run may take", unit=0.001)] = (
        None
    )
    """Milliseconds that the answer to a request may take; 5000 by default."""

    max_concurrent_requests_per_instance: Annotated[Count | None, Means("requests at a time")] = None
    """Requests that an instance answers at the same time; 1 by default."""

    max_queue_wait_ms: Milliseconds | None = None
    """Milliseconds that a request may wait until an instance takes it; 500 by default."""


@dataclass(frozen=True)
class Probe(Options):
    """A health check of an instance."""

    initial_delay: Seconds | None = None
    """Seconds from the start of the container to the first check; 10 by default."""

    period: Seconds | None = None
    """Seconds between two checks; 10 by default."""

    timeout: Seconds | None = None
    """Seconds that a check may take; 2 by default."""

    success_threshold: Count | None = None
    """Successful checks after which an instance counts as healthy; 1 by default."""

    failure_threshold: Count | None = None
    """Failed checks after which an instance counts as unhealthy; 30 by default."""


@dataclass(frozen=True)
class UserIdentity(Options):
    """An identity that exists already."""

    resource_id: ResourceId
    """Id of the identity: `/subscriptions/…/userAssignedIdentities/NAME`."""


@dataclass(frozen=True)
class Identity(Options):
    """The identity of an endpoint. It pulls the image, so it needs the role AcrPull on the registry."""

    type: Literal["system_assigned", "user_assigned"] = "system_assigned"
    """Whether Azure makes an identity for the endpoint, or it gets existing ones."""

    user_assigned_identities: tuple[UserIdentity, ...] = ()
    """The existing identities: `[{resource_id: ID}]`."""

    def __post_init__(self) -> None:
        if (self.type == "user_assigned") != bool(self.user_assigned_identities):
            raise ValueError("user_assigned_identities: they belong to `type: user_assigned`, which needs at least one")


@dataclass(frozen=True, kw_only=True)
class BaseEnvironment(Options):
    """The environment that Azure builds: the package's conda file on a base image, with an inference server."""

    image: Annotated[str, Text(pattern=r"^[A-Za-z0-9][^\s]*$", max_length=500)]
    """The base image, such as `mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04`."""


@dataclass(frozen=True)
class OnlineOptions(Options):
    """The options that all kinds of online endpoints have."""

    deploy_only = ("env", "tags", "description", "identity", "data_collector", "environment")

    auth: Literal["key", "aml_token", "aad_token"] = "key"
    """What a request must carry: a key of the endpoint, a token of Azure ML, or a token of Microsoft Entra."""

    env: Mapping[Variable, str] = field(default_factory=dict)
    """Environment variables of the scoring script. Azure ML keeps them: everybody who can read the workspace can read
    them.
    """

    environment: BaseEnvironment | None = None
    """Let Azure build the environment: `{image: BASE}`. By default the package's own image is deployed, which the block
    `image` makes.
    """

    request_settings: RequestSettings = RequestSettings()
    """Limits of requests: `{request_timeout_ms: 9000}`."""

    liveness_probe: Probe = Probe()
    """The check after whose failure an instance starts again."""

    readiness_probe: Probe = Probe()
    """The check after whose failure an instance gets no requests."""

    app_insights_enabled: bool = False
    """Whether requests and logs go to the Application Insights of the workspace."""

    data_collector: DataCollector | None = None
    """Collect requests and answers in a datastore: `{collections: {request: {enabled: true}}}`."""

    identity: Identity = Identity()
    """The identity of the endpoint, which pulls the image; by default Azure makes one."""

    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the endpoint and its deployments, beside those that mark them as Lading's. If only they change, they
    reach the endpoint at once, and its deployments with the next release that changes anything else.
    """

    description: Annotated[str, Text(max_length=5000)] | None = None
    """Description of the endpoint."""

    @property
    def installs(self) -> Installs | None:
        from lading_azureml.servers import INSTALLS

        return INSTALLS if self.environment else None

    @classmethod
    def needs_image(cls, values: Mapping[str, Json]) -> bool:
        return not values.get("environment")

    def __post_init__(self) -> None:
        check_env_sizes(self.env)
        for broken, message in _RULES:
            if broken(self):
                raise ValueError(message)


@dataclass(frozen=True, kw_only=True)
class ManagedOptions(OnlineOptions):
    """An endpoint on instances that Azure manages."""

    instance_type: Annotated[str, Text(pattern=r"^Standard_[A-Za-z0-9_-]+$", max_length=100)]
    """Size of the virtual machines, such as `Standard_DS2_v2`."""

    instance_count: Count = 1
    """Number of instances. While a release replaces another one, each has so many. Not together with `autoscale`."""

    autoscale: Autoscale | None = None
    """Let Azure Monitor change the number of instances with the load: `{min: 2, max: 5, cpu: 70}`."""

    public_network_access: Literal["enabled", "disabled"] | None = None
    """Whether the endpoint answers requests from outside the virtual network of the workspace; enabled by default."""

    egress_public_network_access: Literal["enabled", "disabled"] | None = None
    """Whether the instances reach the internet; enabled by default."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.autoscale and self.instance_count != 1:
            raise ValueError("instance_count: `autoscale` sets the number of instances; keep one of the two")

    def counterparts(self, plugin: str, given: Mapping[str, Any]) -> Mapping[str, Counterpart]:
        from .managed_from_v1 import counterparts

        return counterparts(plugin, given, self)


@dataclass(frozen=True)
class Resources(Options):
    """What each instance gets of its node."""

    requests: Mapping[Resource, Quantity] = field(default_factory=dict)
    """What an instance gets at least: `{cpu: 500m, memory: 512Mi}`; by default that of the `instance_type`."""

    limits: Mapping[Resource, Quantity] = field(default_factory=dict)
    """What an instance gets at most."""


@dataclass(frozen=True, kw_only=True)
class ScaleSettings(Options):
    """The number of instances follows their load."""

    type: Literal["target_utilization"]
    """The rule for the number. Without `scale_settings`, `instance_count` is the number."""

    min_instances: Count = 1
    """The lowest number of instances."""

    max_instances: Count = 1
    """The highest number of instances."""

    target_utilization_percentage: Annotated[int, Range(ge=1, le=100)] = 70
    """Percent of the instances that are busy; beyond it, instances are added."""

    polling_interval: Seconds = 1
    """Seconds between two changes of the number."""

    def __post_init__(self) -> None:
        if self.min_instances > self.max_instances:
            raise ValueError(f"min_instances: {self.min_instances} is more than max_instances, {self.max_instances}")


@dataclass(frozen=True, kw_only=True)
class KubernetesOnlineOptions(OnlineOptions):
    """An endpoint on a Kubernetes cluster that is attached to the workspace."""

    compute: Annotated[str, Text(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,30}[A-Za-z0-9]$")]
    """Name of the attached cluster in the workspace."""

    instance_type: Annotated[str, Text(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=63)] | None = None
    """Name of an instance type of the cluster; by default its default one."""

    instance_count: Count = 1
    """Number of instances. Not together with `scale_settings`."""

    resources: Resources = Resources()
    """What each instance gets of its node: `{requests: {cpu: 500m}, limits: {cpu: "1"}}`."""

    scale_settings: ScaleSettings | None = None
    """Let the number of instances follow their load: `{type: target_utilization, max_instances: 3}`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale_settings and self.instance_count != 1:
            raise ValueError("instance_count: `scale_settings` sets the number of instances; keep one of the two")

    def counterparts(self, plugin: str, given: Mapping[str, Any]) -> Mapping[str, Counterpart]:
        from .kubernetes_from_v1 import counterparts

        return counterparts(plugin, given, self)


def identities(options: OnlineOptions) -> frozenset[str]:
    """The ids of the existing identities, in lower case, because Azure ignores their case."""
    return frozenset(each.resource_id.lower() for each in options.identity.user_assigned_identities)


_RULES: tuple[tuple[Callable[[OnlineOptions], object], str], ...] = (
    (lambda o: any(name in o.env for name in _AZURES), f"env: the image sets {', '.join(_AZURES)}"),
    (
        lambda o: any(name.lower().startswith("lading.") for name in o.tags),
        "tags: names that begin with `lading.` are Lading's own",
    ),
)
