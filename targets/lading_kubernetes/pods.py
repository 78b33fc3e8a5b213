"""The Deployment of a release: hardened pods with the package's image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lading import Json
from lading_serving import access, identity
from lading_serving import keys as serving_keys
from lading_serving.page import VARIABLE, facts
from lading_serving.spec import Limits

from .keys import DIGESTS, KEYS
from .owning import GROUP, keys_name, labels, release_name, selector

if TYPE_CHECKING:
    from lading import DeployRequest, Image

    from .options import KubernetesOptions
    from .owning import Tagged

PORT = 5001
CONTAINER = "service"

_PRE_STOP = 5  # seconds in which the cluster learns that a pod is going
_DRAIN = int(Limits().drain_timeout) + 10  # seconds in which the server finishes its requests
_PROBE_INTERVAL = 2  # seconds
_KEYS_FOLDER = "/etc/lading"


def deployment(request: DeployRequest[KubernetesOptions], replicas: int, group: str = "") -> Json:
    """The Deployment of a release, with its pods. A canary belongs to the group of the stable release."""
    options, service = request.deployment.options, request.deployment.service
    marks = {**options.labels, **labels(service, request.release_id), GROUP: group or request.release_id}
    return {
        "kind": "Deployment",
        "metadata": metadata(request, release_name(request), request.release_id),
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": options.ready_timeout,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": selector(service, request.release_id)},
            "template": {
                "metadata": {"labels": marks, "annotations": {**options.annotations, **_scraping(options)}},
                "spec": _pod(request),
            },
        },
    }


def metadata(release: Tagged, name: str, release_id: str = "") -> Json:
    """The metadata of an object, with our marks. `release_id` is set for an object of one release."""
    options = release.deployment.options
    return {
        "name": name,
        "labels": {**options.labels, **labels(release.deployment.service, release_id)},
        "annotations": {**options.annotations, **release.tags},
    }


def secret_values(request: DeployRequest[KubernetesOptions]) -> Mapping[str, str]:
    """The variables of `env` whose values come from our own environment."""
    written = request.deployment.written.get("env", {})
    return {name: value for name, value in request.deployment.options.env.items() if written.get(name) != value}


def image_of(image: Image) -> str:
    """The reference for a node. An image that was not pushed has a tag, because a node knows no ids of an engine."""
    return str(image.reference if image.registry else image.extra.get("name", image.reference))


def sizes(options: KubernetesOptions) -> Mapping[str, str]:
    """The resources that a pod requests, and its limits too."""
    return {"cpu": options.cpu, "memory": options.memory, **{k: str(v) for k, v in options.resources.items()}}


def _pod(request: DeployRequest[KubernetesOptions]) -> Json:
    options, service = request.deployment.options, request.deployment.service
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    own = {"serviceAccountName": service, "automountServiceAccountToken": False}
    wishes = {
        "nodeSelector": dict(options.node_selector),
        "tolerations": [dict(each) for each in options.tolerations],
        "affinity": dict(options.affinity),
        "priorityClassName": options.priority_class,
        "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
    }
    return {
        **({"serviceAccountName": options.service_account} if options.service_account else own),
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _PRE_STOP + _DRAIN,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": [{**spread, "labelSelector": {"matchLabels": selector(service)}}],
        "containers": [_container(request)],
        "volumes": _volumes(options, service),
        **{name: wish for name, wish in wishes.items() if wish},
    }


def _container(request: DeployRequest[KubernetesOptions]) -> Json:
    options = request.deployment.options
    assert request.image is not None, "the engine gives an image to a target that asks for one"
    given = sizes(options)
    probe = {"httpGet": {"path": "/", "port": "http"}, "timeoutSeconds": 5}
    mounts: list[Json] = [{"name": "tmp", "mountPath": "/tmp"}]
    if options.auth == "key":
        mounts.append({"name": KEYS, "mountPath": _KEYS_FOLDER, "readOnly": True})
    return {
        "name": CONTAINER,
        "image": image_of(request.image),
        "imagePullPolicy": options.image_pull_policy,
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "env": _environment(request),
        "resources": {"requests": given, "limits": given},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": {
            **probe,
            "periodSeconds": _PROBE_INTERVAL,
            "failureThreshold": -(-options.start_timeout // _PROBE_INTERVAL),
        },
        "readinessProbe": {**probe, "periodSeconds": _PROBE_INTERVAL},
        "livenessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"exec": {"command": ["python3", "-c", f"import time; time.sleep({_PRE_STOP})"]}}},
        "volumeMounts": mounts,
    }


def _volumes(options: KubernetesOptions, service: str) -> list[Json]:
    volumes: list[Json] = [{"name": "tmp", "emptyDir": {}}]
    if options.auth == "key":
        secret = {"secretName": keys_name(service), "items": [{"key": DIGESTS, "path": DIGESTS}]}
        volumes.append({"name": KEYS, "secret": secret})
    return volumes


def _environment(request: DeployRequest[KubernetesOptions]) -> list[Json]:
    options, model = request.deployment.options, request.package.model
    hidden = secret_values(request)
    plain: dict[str, str] = {
        **({VARIABLE: _page(request)} if options.page else {}),
        **{name: value for name, value in options.env.items() if name not in hidden},
        **identity.variables(request.tags, model.name, model.version),
        **access.variables(options.access_log, options.log_format),
        **_key_variables(options),
    }
    named = release_name(request)
    return [
        *({"name": name, "value": value} for name, value in plain.items()),
        *({"name": name, "valueFrom": {"secretKeyRef": {"name": named, "key": name}}} for name in hidden),
    ]


def _page(request: DeployRequest[KubernetesOptions]) -> str:
    model = request.package.model
    name = f"{model.name} {model.version}"
    return facts(request.deployment.service, request.release, name, request.metrics)


def _key_variables(options: KubernetesOptions) -> dict[str, str]:
    """The variables that let the server ask for a key."""
    if options.auth == "none":
        return {}
    opened = {serving_keys.OPEN_METRICS: "1"} if options.metrics.auth == "none" else {}
    return {serving_keys.VARIABLE: f"{_KEYS_FOLDER}/{DIGESTS}", **opened}


def _scraping(options: KubernetesOptions) -> dict[str, Any]:
    """The annotations with which Prometheus finds metrics that need no key."""
    if options.auth == "key" and options.metrics.auth == "key":
        return {}
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT), "prometheus.io/path": "/metrics"}
