"""Other commands that deploy the same service: which objects they may need, and which of them stops."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lading import Json, Refused, StageFailed

from .containers import is_ready
from .owning import RELEASE, SEEN, SWITCHED, query, release_of, shares_of, shares_words, tags, was_led_to

if TYPE_CHECKING:
    from lading import DeployRequest

    from .options import KubernetesOptions
    from .rest import Cluster

_BEAT = 20.0  # seconds between two marks of a command on the release that it brings up
_OTHERS_LIMIT = 60.0  # seconds without such a mark until no command works on a release that never served


class Moved(StageFailed):
    """Another command has moved the requests of a service meanwhile. Its change stays."""

    def __init__(self, name: str, service: Json | None) -> None:
        super().__init__(
            f"another command has moved the requests of {name}: {shares_words(service)}",
            hint="run the same command again to move them once more",
        )


def mark(cluster: Cluster, found: Json) -> None:
    """Mark the Deployment of a release from time to time, so that other commands spare it."""
    if age(cluster, found) >= _BEAT:
        cluster.annotate("Deployment", found["metadata"]["name"], {SEEN: cluster.now.isoformat()})


def age(cluster: Cluster, found: Json) -> float:
    """The seconds since an object was made, or marked or switched by its command, by the clock of the cluster."""
    last = tags(found).get(SEEN) or tags(found).get(SWITCHED) or found["metadata"]["creationTimestamp"]
    return (cluster.now - datetime.fromisoformat(last)).total_seconds()


def may_be_of_others(cluster: Cluster, service: Json | None, found: Json) -> bool:
    """Whether another command may bring up the release of an object."""
    return not was_led_to(service, release_of(found)) and age(cluster, found) < _OTHERS_LIMIT


def led_before(cluster: Cluster, service: Json | None, releases: Sequence[Json]) -> Json | None:
    """The Deployment of a release that the Service led to before, and that has a ready pod. None without one."""
    for found in releases:
        labels = query(found["spec"]["selector"]["matchLabels"])
        if was_led_to(service, release_of(found)) and any(map(is_ready, cluster.list("Pod", labels))):
            return found
    return None


def refuse_a_second_switch(request: DeployRequest[KubernetesOptions], service: Json | None) -> None:
    """Raise Moved if the Service has led to the release before, so that two commands do not switch to and fro."""
    if was_led_to(service, request.release_id):
        raise Moved(request.deployment.service, service)


def refuse_a_second_canary(
    request: DeployRequest[KubernetesOptions], service: Json | None, releases: Sequence[Json]
) -> None:
    """Raise Refused beside a canary with a share. Its pods would go, or the new ones would get its requests."""
    shares = shares_of(service)
    known = {release_of(each): each for each in releases}
    if shares.canary == request.release_id or shares.canary not in known:
        return
    number = tags(known[shares.canary]).get(RELEASE, "?")
    raise Refused(
        f"release {number} ({shares.canary}) of another store is a canary of {request.deployment.service}, and gets "
        f"{shares.weight} % of the requests",
        hint="`lading promote` or `lading abort` with that store ends it",
    )
