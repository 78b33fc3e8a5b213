"""Create the objects of a release, with the checks before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import BadInput, Json

from . import objects, pods
from .changing import dry_run
from .keys import asks_for_key, ensure_keys
from .owning import keys_name

if TYPE_CHECKING:
    from lading import Context, DeployRequest

    from .changing import Changes
    from .options import KubernetesOptions
    from .rest import Cluster


def create(
    request: DeployRequest[KubernetesOptions], changes: Changes, context: Context, cluster: Cluster, deployment: Json
) -> None:
    """Create the Deployment of a release, and before it the objects that its pods need. All are checked first."""
    options, service = request.deployment.options, request.deployment.service
    for body in (deployment, objects.service(request), *objects.stable(request, cluster)):
        dry_run(cluster, body, options)
    if not options.service_account:
        changes.apply(objects.account(request))
    if options.auth == "key":
        ensure_keys(cluster, request.deployment, context, pods.metadata(request, keys_name(service)))
    values = objects.values(request)
    if values is not None:
        changes.apply(values)
    changes.apply(deployment)


def warn_of_the_limit(options: KubernetesOptions, context: Context) -> None:
    """Warn if the command ends before the pods must be ready."""
    limit, left = options.ready_timeout, context.seconds_left
    if left is not None and left < limit:
        context.warn(f"ready_timeout is {limit} s, but the command ends in {left:.0f} s: `--timeout` sets its limit")


def refuse_other_keys(options: KubernetesOptions, stable: Json) -> None:
    """Raise BadInput for a canary that would answer requests without a key, or refuse those that need none."""
    if asks_for_key(stable) != (options.auth == "key"):
        asks = "asks for a key" if asks_for_key(stable) else "asks for no key"
        raise BadInput(
            f"the stable release {asks}, and its canary must do the same",
            hint="deploy this change without a canary",
            option="auth",
        )
