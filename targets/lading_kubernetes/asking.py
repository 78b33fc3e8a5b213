"""The status, the address and the list of services, from the cluster alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lading import Json, Listed, Listing, NoScoringUri, ScoringUri, Served, State, Status

from . import containers, drift, judging
from .keys import are_lost
from .objects import SERVICE_PORT
from .owning import OURS, SERVICE, find, find_all, keys_name, query, release_of, selector, serving, shares_of, tags
from .sharing import weight_in_route, words_of

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import KubernetesOptions
    from .rest import Cluster


def status(deployment: Deployment[KubernetesOptions], context: Context, cluster: Cluster) -> Status:
    """The release that the Service leads to, and the fields that others have changed."""
    service = find(cluster, "Service", deployment.service, deployment)
    if service is None:
        return Status(state=State.ABSENT)
    shares = shares_of(service)
    known = {release_of(each): each for each in find_all(cluster, "Deployment", deployment)}
    pods = cluster.list("Pod", query(selector(deployment.service)))
    served = tuple(_served(deployment, service, cluster, known, pods))
    found = known.get(shares.stable)
    if found is None:
        detail = "the Service leads to a release that has no Deployment"
        return Status(state=State.FAILED, detail=detail, releases=served)
    pods = [pod for pod in pods if release_of(pod) == shares.stable]
    state, detail = _state(found, pods, cluster)
    marks = tags(found)
    differences = drift.changed(context, deployment.options, drift.watched(cluster, found, service))
    if are_lost(cluster, deployment, found):
        differences[f"Secret.{keys_name(deployment.service)}"] = "removed"
    split = words_of(deployment.options, served)
    return Status(
        state=state,
        package_digest=marks.get("lading.package"),
        model_sha256=marks.get("lading.model"),
        release_id=release_of(found),
        detail="; ".join(filter(None, (detail, split, _restarts(pods), *drift.words(differences)))),
        changed=differences,
        releases=served,
    )


def _served(
    deployment: Deployment[KubernetesOptions],
    service: Json,
    cluster: Cluster,
    known: Mapping[str, Json],
    pods: Sequence[Json],
) -> Iterator[Served]:
    """The releases that the Service and the route lead to; the stable one is first."""
    shares = shares_of(service)
    if shares.canary and deployment.options.route:
        route = find(cluster, "HTTPRoute", deployment.service, deployment)
        if route is not None:  # a route that the manifest asks for is made when the stable release has it
            shares = shares._replace(weight=weight_in_route(route, deployment.service) or 0)
    for release_id, weight in shares.weights.items():
        if found := known.get(release_id):
            yield Served(
                release_id=release_id,
                package_digest=tags(found).get("lading.package", ""),
                weight=weight,
                ready=sum(containers.is_ready(pod) for pod in pods if release_of(pod) == release_id),
                wanted=found["spec"].get("replicas", 1),
            )


def _state(found: Json, pods: Sequence[Json], cluster: Cluster) -> tuple[State, str]:
    """The state of a Deployment. It runs while any of its pods is ready."""
    wanted, ready = found["spec"].get("replicas", 1), sum(map(containers.is_ready, pods))
    if wanted == 0:
        return State.STOPPED, "it is scaled to 0 pods; `lading deploy` starts it again"
    if ready and judging.is_complete(found):
        return State.RUNNING, ""
    wrong = judging.cause(cluster, found, [_now(pod) for pod in pods if not containers.is_ready(pod)])
    reason = f": {wrong.reason}" if wrong else ""
    if ready:
        return State.RUNNING, f"{ready} of {wanted} pods are ready{reason}"
    return (State.FAILED, wrong.reason) if wrong else (State.PENDING, f"0 of {wanted} pods are ready")


def _now(pod: Json) -> Json:
    """A pod without the earlier ends of containers that run again: they are not the cause of its present state."""
    states = [
        {**each, "lastState": {}} if (each.get("state") or {}).get("running") is not None else each
        for each in containers.shown(pod)
    ]
    return {**pod, "status": {**(pod.get("status") or {}), "containerStatuses": states}}


def _restarts(pods: Sequence[Json]) -> str:
    """How often the nodes have started containers again, and how the last one had ended."""
    states = [state for pod in pods for state in (pod.get("status") or {}).get("containerStatuses") or ()]
    times = sum(state.get("restartCount", 0) for state in states)
    ends = [ended for state in states if (ended := (state.get("lastState") or {}).get("terminated"))]
    if not times:
        return ""
    cause = f": a container {containers.ending(ends[-1])}" if ends else ""
    return f"restarted {'once' if times == 1 else f'{times} times'}{cause}"


def scoring_uri(deployment: Deployment[KubernetesOptions], cluster: Cluster) -> ScoringUri | NoScoringUri:
    """The address from outside; if there is none, the one through the API server."""
    service = find(cluster, "Service", deployment.service, deployment)
    if service is None:
        return NoScoringUri(reason=f"the namespace {cluster.namespace} has no Service {deployment.service}")
    base = _outside(deployment, service, cluster)
    uri = f"{base}/score" if base else cluster.proxy("Service", f"{deployment.service}:{SERVICE_PORT}")
    internal = f"http://{deployment.service}.{cluster.namespace}.svc/score"
    return ScoringUri(uri=uri, internal=internal, needs_key=deployment.options.auth == "key")


def _outside(deployment: Deployment[KubernetesOptions], service: Json, cluster: Cluster) -> str:
    options, kind = deployment.options, service["spec"].get("type")
    if options.ingress:
        return f"{'https' if options.ingress.tls_secret else 'http'}://{options.ingress.host}"
    if options.route:
        return f"{'https' if options.route.tls else 'http'}://{options.route.host}"
    if kind == "LoadBalancer":
        given = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or [{}]
        return _address(given[0].get("hostname") or given[0].get("ip") or "")
    if kind == "NodePort":
        pods = cluster.list("Pod", query(selector(deployment.service, serving(service))))
        hosts = (pod["status"].get("hostIP") for pod in pods if containers.is_ready(pod))
        return _address(next(filter(None, hosts), ""), f":{service['spec']['ports'][0]['nodePort']}")
    return ""


def _address(host: str, port: str = "") -> str:
    """The beginning of an address; empty without a host."""
    return f"http://{f'[{host}]' if ':' in host else host}{port}" if host else ""


def everything(cluster: Cluster) -> Listing:
    """All services of Lading in a namespace, and the Deployments that no Service leads to."""
    services = [each for each in cluster.list("Service", OURS) if tags(each).get(SERVICE) == each["metadata"]["name"]]
    deployments = cluster.list("Deployment", OURS)
    by_release = {release_of(each): each for each in deployments}
    served = {serving(each) for each in services}
    rows = [_listed(each, by_release.get(serving(each))) for each in services]
    rows += [_listed(each, each) for each in deployments if release_of(each) not in served]
    return Listing(objects=tuple(row for row in rows if row.target))


def _listed(found: Json, release: Json | None) -> Listed:
    marks: Mapping[str, str] = tags(release or found)
    created = datetime.fromisoformat(found["metadata"]["creationTimestamp"])
    state = _state_of(release)
    return Listed.from_tags(marks, name=found["metadata"]["name"], state=state, created=created)


def _state_of(release: Json | None) -> State:
    if release is None:
        return State.FAILED
    if release["spec"].get("replicas", 1) == 0:
        return State.STOPPED
    return State.RUNNING if (release.get("status") or {}).get("availableReplicas") else State.PENDING
