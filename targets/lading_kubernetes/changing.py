"""Change the objects of a deployment. Each change is announced first, and objects of others are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import BadInput, Json, Transient

from .failing import Conflict
from .owning import find, shares_of
from .patching import at_its_option, patched
from .rivals import Moved

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import KubernetesOptions
    from .rest import Cluster


def dry_run(cluster: Cluster, body: Json, options: KubernetesOptions) -> Json | None:
    """An object as the cluster would keep it. None if a rule of the cluster accepts no dry run."""
    try:
        with at_its_option(body["kind"], options):
            return cluster.apply(patched(body, options), dry_run=True)
    except BadInput as error:
        if "does not support dry run" not in error.message:
            raise
    return None


class Changes:
    """The changes of one step. `effect` ends the name of each, so that it differs from those of other commands."""

    def __init__(
        self, deployment: Deployment[KubernetesOptions], context: Context, cluster: Cluster, effect: str
    ) -> None:
        self._deployment, self._context, self._cluster, self._effect = deployment, context, cluster, effect

    def apply(self, body: Json) -> Json:
        """Create or change an object. Raises Refused if another program has made it meanwhile."""
        kind, name = body["kind"], body["metadata"]["name"]
        find(self._cluster, kind, name, self._deployment)
        self._context.intend(f"{self._place(kind, name)}/{self._effect}")
        with at_its_option(kind, self._deployment.options):
            return self._cluster.apply(patched(body, self._deployment.options))

    def apply_service(self, body: Json, before: Json | None) -> Json:
        """Change the releases that the Service leads to, if it is still as it was `before`.

        An earlier request without a reply may have made the same change late, which is accepted. Raises Moved if
        another command has changed them meanwhile, and Transient if something else has changed.
        """
        try:
            return self.apply(body)
        except Conflict as error:
            found = find(self._cluster, "Service", self._deployment.service, self._deployment)
            if found is not None and shares_of(found) == shares_of(body):
                return found
            if shares_of(found) != shares_of(before):
                raise Moved(self._deployment.service, found) from error
            message = f"another program has changed the Service {self._deployment.service}"
            raise Transient(message, hint="run the same command again", retry_after=error.retry_after) from error

    def scale(self, name: str, replicas: int) -> None:
        self._context.intend(f"{self._place('Deployment', name)}/scale/{replicas}/{self._effect}")
        self._cluster.scale(name, replicas)

    def delete(self, kind: str, name: str) -> None:
        self._context.intend(f"{self._place(kind, name)}/remove/{self._effect}")
        self._cluster.delete(kind, name)

    def _place(self, kind: str, name: str) -> str:
        return f"kubernetes/{self._cluster.namespace}/{kind}/{name}"
