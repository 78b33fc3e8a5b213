"""The options of the target `kubernetes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from lading import Duration, Json, Options, Range, Text, check_env_sizes

if TYPE_CHECKING:
    from lading import Counterpart

Name = Annotated[str, Text(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
Label = Annotated[str, Text(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?$")]
Value = Annotated[str, Text(pattern=r"^([A-Za-z0-9]([-\w.]*[A-Za-z0-9])?)?$", max_length=63)]
_NUMBER = r"(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*)"  # more than 0
_UNIT = "k|[MGTPE]|[KMGTPE]i"
Cores = Annotated[str, Text(pattern=f"^{_NUMBER}m?$", max_length=30)]
Bytes = Annotated[str, Text(pattern=f"^{_NUMBER}({_UNIT})?$", max_length=30)]
Quantity = Annotated[str, Text(pattern=f"^{_NUMBER}(m|{_UNIT})?$", max_length=30)]
Variable = Annotated[str, Text(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", max_length=253)]
Host = Annotated[str, Text(pattern=r"^[a-z0-9]+(-+[a-z0-9]+)*(\.[a-z0-9]+(-+[a-z0-9]+)*)*$", max_length=253)]
AzureName = Annotated[str, Text(min_length=1, max_length=260)]
Port = Annotated[int, Range(ge=1, le=65535)]
Seconds = Annotated[int, Range(ge=1, le=86400), Duration()]

KINDS = (
    "Deployment",
    "Service",
    "ServiceAccount",
    "Secret",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "HorizontalPodAutoscaler",
    "Ingress",
    "HTTPRoute",
)
"""The kinds of objects that a deploy applies."""

Kind = Annotated[str, Text(pattern=f"^({'|'.join(KINDS)})$")]

_AKS_NAMES = ("subscription_id", "resource_group", "name")


@dataclass(frozen=True)
class Metrics(Options):
    """The access to the metrics of a service."""

    auth: Literal["key", "none"] = "key"
    """Whether reading them needs a key, if the service needs one. Prometheus finds only metrics that need none."""


@dataclass(frozen=True)
class Ingress(Options):
    """An Ingress, for clusters with an ingress controller."""

    host: Host
    """Host name of the service."""

    class_name: Name | None = None
    """Name of the IngressClass; by default that of the cluster."""

    tls_secret: Name | None = None
    """Name of the Secret with the certificate of the host. Without it, the address begins with `http`."""


@dataclass(frozen=True)
class Gateway(Options):
    """The Gateway that a route belongs to."""

    name: Name
    """Name of the Gateway."""

    namespace: Name | None = None
    """Namespace of the Gateway; by default that of the service."""


@dataclass(frozen=True)
class Route(Options):
    """An HTTPRoute, for clusters with the Gateway API."""

    host: Host
    """Host name of the service."""

    gateway: Gateway
    """The Gateway that the requests come through."""

    tls: bool = True
    """Whether the Gateway serves the host with TLS, so that the address begins with `https`."""


@dataclass(frozen=True)
class Autoscale(Options):
    """The limits of a HorizontalPodAutoscaler."""

    min: Annotated[int, Range(ge=1, le=1000)]
    """The lowest number of pods."""

    max: Annotated[int, Range(ge=1, le=1000)]
    """The highest number of pods."""

    cpu: Annotated[int, Range(ge=1, le=1000)] = 70
    """Percent of `cpu` that the pods use on average; beyond it, pods are added."""

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError(f"min: {self.min} is more than max, {self.max}")


@dataclass(frozen=True)
class AksCluster(Options):
    """A cluster of Azure Kubernetes Service. Azure gives its address and its credentials."""

    subscription_id: AzureName
    """Id of the subscription; a reference such as `${AZURE_SUBSCRIPTION_ID}` keeps it out of the file."""

    resource_group: AzureName
    """The resource group that holds the cluster."""

    name: AzureName
    """Name of the cluster."""

    auth: Literal["service-principal", "workload-identity", "managed-identity", "cli"] | None = None
    """How to sign in. Without it: a service principal in `AZURE_*` variables, the identity of the pod or the machine,
    then `az login`.
    """


@dataclass(frozen=True)
class KubernetesOptions(Options):
    """Pods behind a Service, on any cluster."""

    deploy_only = ("env", "patch", "annotations")
    placed_by = ("context", "namespace", "aks_cluster")

    context: Annotated[str, Text(min_length=1, max_length=253)] | None = None
    """Context of the kubeconfig; by default its current one. Without a kubeconfig, the service account of the pod that
    runs the command.
    """

    aks_cluster: AksCluster | None = None
    """A cluster of AKS in place of a context: `{subscription_id, resource_group, name, auth}`. It needs the extra
    `aks`, and neither a kubeconfig nor kubelogin.
    """

    namespace: Annotated[str, Text(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)] | None = None
    """An existing namespace; by default that of the context."""

    replicas: Annotated[int, Range(ge=1, le=1000)] = 1
    """Number of pods. Not together with `autoscale`."""

    autoscale: Autoscale | None = None
    """Let the number of pods follow the load: `{min: 2, max: 20, cpu: 70}`."""

    cpu: Cores = "500m"
    """Processor time that each pod gets: `500m` is half a processor."""

    memory: Bytes = "512Mi"
    """Memory that each pod gets. If it uses more, it is killed, and its status shows this."""

    resources: Mapping[Label, Annotated[int, Range(ge=1, le=1000)] | Quantity] = field(default_factory=dict)
    """Further resources of each pod, such as `nvidia.com/gpu: 1`."""

    auth: Literal["key", "none"] = "none"
    """Whether a request needs a key of the service, in `Authorization: Bearer KEY` or `X-Lading-Key: KEY`. The keys are
    made by the first deploy and kept in a Secret. `lading keys` shows or rotates them. Health checks need none.
    """

    metrics: Metrics = Metrics()
    """The metrics at `/metrics`: `{auth: none}` opens them when `auth` is `key`."""

    env: Mapping[Variable, str] = field(default_factory=dict)
    """Environment variables of the scoring script. Values with `${NAME}` are kept in a Secret."""

    service_type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """How the Service is reached: inside the cluster, at a port of each node, or at a load balancer."""

    node_port: Port | None = None
    """Port of each node with `service_type: NodePort`; by default the cluster chooses one."""

    ingress: Ingress | None = None
    """Reach the service through an ingress controller: `{host, class_name, tls_secret}`."""

    route: Route | None = None
    """Reach the service through the Gateway API: `{host, gateway: {name, namespace}}`."""

    page: bool = True
    """Whether a browser that opens the address gets a page to try the model."""

    access_log: bool | Annotated[float, Range(ge=0, le=1)] = True
    """Whether each request is a line of the log; a number such as 0.1 logs that share of them."""

    log_format: Literal["text", "json"] = "text"
    """The form of these lines: words, or one JSON object each."""

    start_timeout: Seconds = 120
    """Seconds that importing the scoring script and `init` may take together."""

    ready_timeout: Seconds = 600
    """Seconds until all pods must be ready. It includes the time to find a node and to pull the image."""

    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When a node pulls the image. An image without a registry must already be on the nodes."""

    image_pull_secrets: tuple[Name, ...] = ()
    """Names of the Secrets with the credentials of the registry."""

    service_account: Name | None = None
    """An existing ServiceAccount for the pods; by default one without a token is made."""

    node_selector: Mapping[Label, Value] = field(default_factory=dict)
    """Labels that a node must have."""

    tolerations: tuple[Mapping[str, Any], ...] = ()
    """Taints of nodes that the pods tolerate, in the terms of Kubernetes."""

    affinity: Mapping[str, Any] = field(default_factory=dict)
    """Rules for the choice of nodes, in the terms of Kubernetes."""

    priority_class: Name | None = None
    """Name of the PriorityClass of the pods."""

    labels: Mapping[Label, Value] = field(default_factory=dict)
    """Further labels of all objects and pods."""

    annotations: Mapping[Label, str] = field(default_factory=dict)
    """Further annotations of all objects and pods."""

    patch: Mapping[Kind, Mapping[str, Any]] = field(default_factory=dict)
    """Anything else, merged into the objects of a kind: `{Service: {spec: {sessionAffinity: ClientIP}}}`. Null removes
    a value, and items of a list are matched by their names.
    """

    def __post_init__(self) -> None:
        check_env_sizes(self.env)
        for broken, message in _RULES:
            if broken(self):
                raise ValueError(message)

    def counterparts(self, plugin: str, given: Mapping[str, Any]) -> Mapping[str, Counterpart]:
        from .from_aks import counterparts

        return counterparts(plugin, given, self)

    @property
    def fewest(self) -> int:
        """The number of pods that a release begins with."""
        return self.autoscale.min if self.autoscale else self.replicas

    @property
    def is_inside(self) -> bool:
        """Whether only the cluster reaches the service, and accounts of the cluster through the API server."""
        return self.service_type == "ClusterIP" and not (self.ingress or self.route)

    @property
    def placed_at(self) -> Mapping[str, Any]:
        """The place of the service, without the way to sign in."""
        aks = self.aks_cluster
        return {**super().placed_at, "aks_cluster": aks and {name: getattr(aks, name) for name in _AKS_NAMES}}

    @classmethod
    def place_of(cls, service: str, values: Mapping[str, Json]) -> Json:  # noqa: ARG003 - the name is the same anyway
        """The context and the namespace, as they are written, and the cluster. Azure ignores the case of its names."""
        aks = values.get("aks_cluster")
        if not isinstance(aks, Mapping):
            return [values.get("context"), values.get("namespace"), *filter(None, [aks])]
        return [values.get("context"), values.get("namespace"), *(str(aks.get(name)).lower() for name in _AKS_NAMES)]


def _marks(names: Mapping[str, object]) -> bool:
    return any(name.startswith(("lading.", "app.kubernetes.io/")) for name in names)


_RULES: tuple[tuple[Callable[[KubernetesOptions], object], str], ...] = (
    (lambda o: o.aks_cluster and o.context, "context: `aks_cluster` names the cluster; keep one of the two"),
    (lambda o: o.autoscale and o.replicas != 1, "replicas: `autoscale` sets the number of pods; keep one of the two"),
    (
        lambda o: o.start_timeout > o.ready_timeout,
        "start_timeout: `ready_timeout` includes it: raise `ready_timeout` or lower `start_timeout`",
    ),
    (lambda o: o.ingress and o.route, "route: `ingress` makes the service reachable too; keep one of the two"),
    (
        lambda o: o.node_port and o.service_type != "NodePort",
        "node_port: only a Service with `service_type: NodePort` has one",
    ),
    (lambda o: _marks(o.labels), "labels: names that begin with `lading.` or `app.kubernetes.io/` are Lading's own"),
    (lambda o: _marks(o.annotations), "annotations: names that begin with `lading.` are Lading's own"),
)
