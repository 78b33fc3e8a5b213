"""The keys of a service in a container. They are kept in the store; the container has a file with their digests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from lading import BadInput, Keys, Refused, Secret, StageFailed
from lading_docker.engine import Engine, asking
from lading_serving import keys as serving_keys
from lading_serving.keyring import Keyring, ServiceKeys, Which, published
from lading_serving.owned import Foreign

from .containers import find, names
from .copying import archive_of

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import ContainerOptions

DIGESTS = "/etc/lading/digests"


def variables(options: ContainerOptions) -> dict[str, str]:
    """The variables that let the server ask for a key."""
    if options.auth == "none":
        return {}
    opened = {serving_keys.OPEN_METRICS: "1"} if options.metrics.auth == "none" else {}
    return {serving_keys.VARIABLE: DIGESTS, **opened}


def ring(context: Context) -> Keyring:
    return Keyring(context.work, context)


def copy_digests(engine: Engine, container: str, content: bytes) -> None:
    """Copy digests into a container, which may run. Its server reads them again when the file changes."""
    with asking("the keys of a container"):
        engine.api.put_archive(container, "/", archive_of({DIGESTS: (content, 0o444)}))


def keys(deployment: Deployment, context: Context, rotate: str | None) -> Keys:
    """The keys of the containers. Without `auth: key` there are none, and none can be rotated."""
    found = [container for name in names(deployment.service) if (container := find(name, deployment))]
    if not found:
        raise StageFailed(f"{deployment.service} is not deployed", hint="`lading deploy` brings it up")
    protected = [container.id for container in found if container.asks_for_key]
    if not protected:
        if rotate is not None:
            raise BadInput(
                f"requests to {deployment.service} carry no key, so none can be rotated",
                hint="write `auth: key` under the target and deploy it",
            )
        return Keys(primary=None)
    with _only_own():
        known = _rotated(protected, deployment, context, rotate) if rotate else ring(context).kept()
    if known is None:
        raise StageFailed(
            f"this store does not have the keys of {deployment.service}",
            hint="`lading keys --rotate primary` makes new ones",
        )
    return Keys(primary=Secret(known.primary), secondary=Secret(known.secondary))


def _rotated(containers: list[str], deployment: Deployment, context: Context, which: str) -> ServiceKeys:
    context.intend(f"container/{deployment.service}/key/{which}")
    return ring(context).rotate(cast("Which", which), lambda digests: _copy_to_all(containers, digests))


def _copy_to_all(containers: list[str], digests: bytes) -> None:
    engine = Engine()
    for container in containers:
        copy_digests(engine, container, digests)


def content(deployment: Deployment, context: Context, container: str) -> bytes:
    """The digests of the keys for a container. They are made if there are none; another store may have others."""
    with _only_own():
        if ring(context).kept() is None and _is_protected(deployment, container):
            context.warn(
                f"this store does not have the keys of {deployment.service}: it gets new ones, and the keys of its "
                "clients end with the release that serves now (`lading keys --show` shows the new ones)"
            )
        return published(ring(context).ensure())


def _is_protected(deployment: Deployment, but: str) -> bool:
    """Whether another container of the deployment asks for a key."""
    found = (find(name, deployment) for name in names(deployment.service))
    return any(each.asks_for_key for each in found if each is not None and each.id != but)


@contextmanager
def _only_own() -> Iterator[None]:
    """Raise Refused, with the path, for keys that `lading` did not write."""
    try:
        yield
    except Foreign as error:
        raise Refused(
            str(error), hint=f"inspect it, then remove it (rm {error.path}) and run the same command again"
        ) from error
