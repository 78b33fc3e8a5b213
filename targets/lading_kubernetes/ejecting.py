"""Write the objects of a release as YAML with a kustomization, for kubectl."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml

from lading import Ejected, Json

from . import objects, pods
from .keys import DIGESTS, digests
from .owning import check_name, group_of, keys_name, release_name
from .patching import patched

if TYPE_CHECKING:
    from lading import DeployRequest

    from .options import KubernetesOptions
    from .rest import Cluster

_KEY_DIGEST = "KEY_DIGEST"
_MEANING = 'the SHA-256 of a key that requests must carry: printf %s "$KEY" | sha256sum'


def eject(request: DeployRequest[KubernetesOptions], cluster: Cluster) -> Ejected:
    """The objects of a deploy, in the versions that the cluster has. Values of `env` from variables are left out."""
    check_name(request.deployment.service)
    options = request.deployment.options
    known = digests(cluster, request.deployment) if options.auth == "key" else None
    files = {
        _file(body): _yaml({"apiVersion": cluster.api_version(body["kind"]), **patched(body, options)})
        for body in _bodies(request, cluster, known)
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": cluster.namespace,
        "resources": list(files),
    }
    place = options.aks_cluster.name if options.aks_cluster else options.context  # `az aks get-credentials` names it so
    context = f" --context {shlex.quote(place)}" if place else ""
    return Ejected(
        files={**files, "kustomization.yaml": _yaml(kustomization)},
        commands=(f"kubectl{context} apply -k .",),
        placeholders={_KEY_DIGEST: _MEANING} if options.auth == "key" and known is None else {},
    )


def _bodies(request: DeployRequest[KubernetesOptions], cluster: Cluster, known: str | None) -> Iterator[Json]:
    options = request.deployment.options
    if not options.service_account:
        yield objects.account(request)
    if options.auth == "key":
        text = known or f"${{{_KEY_DIGEST}}}\n"
        yield _secret(pods.metadata(request, keys_name(request.deployment.service)), {DIGESTS: text})
    hidden = {name: request.deployment.written["env"][name] for name in pods.secret_values(request)}
    if hidden:
        written = {name: str(text).replace("$${", "${") for name, text in hidden.items()}
        yield _secret(pods.metadata(request, release_name(request), request.release_id), written)
    yield _deployment(request, cluster)
    yield objects.service(request)
    yield from objects.stable(request, cluster)


def _deployment(request: DeployRequest[KubernetesOptions], cluster: Cluster) -> Json:
    """The Deployment, in the group of the pods that are there.

    With an autoscaler it has no number of pods, because each `kubectl apply` would reset it.
    """
    options = request.deployment.options
    found = cluster.get("Deployment", release_name(request))
    made = pods.deployment(request, options.fewest, group_of(found) if found else "")
    spec = {name: value for name, value in made["spec"].items() if name != "replicas" or not options.autoscale}
    return {**made, "spec": spec}


def _secret(metadata: Json, entries: Json) -> Json:
    """A Secret with readable values, so that a person can fill them in."""
    return {"kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": entries}


def _file(body: Json) -> str:
    """The name of the file of an object. A service has at most two Secrets."""
    is_keys = body["kind"] == "Secret" and DIGESTS in body["stringData"]
    return "keys.yaml" if is_keys else f"{body['kind'].lower()}.yaml"


class _Dumper(yaml.SafeDumper):
    """Writes a text with a placeholder or with several lines as a block, so that a value needs no quotes."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write a part that occurs twice twice: people read the files."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "${" in text or "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(body: Any) -> str:
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
