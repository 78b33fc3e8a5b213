"""Write the objects of a release as YAML with a kustomization, for kubectl."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

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
        for body in _bodies(request, cluster)
    }
    secrets = list(_secrets(request, known))
    marks = {f"{each.folder}.yaml": _yaml({"apiVersion": "v1", **patched(each.body, options)}) for each in secrets}
    kustomization: Json = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": cluster.namespace,
        "resources": list(files),
    }
    if secrets:  # in words that kubectl 1.20 understands too
        kustomization |= {
            "secretGenerator": [each.generator for each in secrets],
            "generatorOptions": {"disableNameSuffixHash": True},
            "patchesStrategicMerge": list(marks),
        }
    place = options.aks_cluster.name if options.aks_cluster else options.context  # `az aks get-credentials` names it so
    context = f" --context {shlex.quote(place)}" if place else ""
    return Ejected(
        files={
            **files,
            **marks,
            **{path: text for each in secrets for path, text in each.files.items()},
            "kustomization.yaml": _yaml(kustomization),
        },
        commands=(f"kubectl{context} apply -k .",),
        placeholders={_KEY_DIGEST: _MEANING} if options.auth == "key" and known is None else {},
    )


class _Entries(NamedTuple):
    """A Secret. Each entry is a file of `folder`, because a value of any characters and lines fits only there."""

    folder: str
    body: Json
    entries: Mapping[str, str]

    @property
    def files(self) -> Mapping[str, str]:
        return {f"{self.folder}/{name}": text for name, text in self.entries.items()}

    @property
    def generator(self) -> Json:
        """Makes the Secret from its files. Its marks come from a patch."""
        name, files = self.body["metadata"]["name"], [f"{each}={self.folder}/{each}" for each in self.entries]
        return {"name": name, "type": "Opaque", "files": files}


def _secrets(request: DeployRequest[KubernetesOptions], known: str | None) -> Iterator[_Entries]:
    options = request.deployment.options
    if options.auth == "key":
        text = known or f"${{{_KEY_DIGEST}}}\n"
        yield _Entries("keys", _secret(pods.metadata(request, keys_name(request.deployment.service))), {DIGESTS: text})
    hidden = {name: request.deployment.written["env"][name] for name in pods.secret_values(request)}
    if hidden:
        written = {name: str(text).replace("$${", "${") for name, text in hidden.items()}
        metadata = pods.metadata(request, release_name(request), request.release_id)
        yield _Entries("secret", _secret(metadata), written)


def _secret(metadata: Json) -> Json:
    return {"kind": "Secret", "metadata": metadata, "type": "Opaque"}


def _bodies(request: DeployRequest[KubernetesOptions], cluster: Cluster) -> Iterator[Json]:
    """All objects but the Secrets."""
    if not request.deployment.options.service_account:
        yield objects.account(request)
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


def _file(body: Json) -> str:
    """The name of the file of an object."""
    return f"{body['kind'].lower()}.yaml"


class _Dumper(yaml.SafeDumper):
    """Writes a text with several lines as a block."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write a part that occurs twice twice: people read the files."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(body: Any) -> str:
    """The text of an object. No line is folded, so that each value of a variable is found."""
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=sys.maxsize, allow_unicode=True)
