"""The cluster that a service on AKS needs: found by its name, attached, or created."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from lading import Context, DeployRequest, Pending, StageFailed

from .options import AksOptions
from .ownership import connection

_RETRY = 10.0  # seconds between two looks at a cluster that takes many minutes
_READY = "succeeded"
_BROKEN = ("failed", "canceled", "cancelled")


def ensure(request: DeployRequest, context: Context) -> Pending | None:
    """See to the cluster; what it waits for, None where it is there.

    Raises StageFailed for a cluster that is missing, broken, or of another kind.
    """
    options = cast("AksOptions", request.deployment.options)
    name, workspace = options.compute_target_name, connection(context).workspace
    found = workspace.find_compute(name)
    if found is None:
        _make(options, context)
        return Pending("creating the cluster" if options.provision else "attaching the cluster", name, _RETRY)
    if found.kind != "AKS":
        raise StageFailed(f"compute {name} is of kind {found.kind}, not AKS", hint="name another compute_target_name")
    if found.state in _BROKEN:
        raise StageFailed(
            f"cluster {name} is {found.state}: {found.error or 'Azure does not say why'}",
            hint="repair or remove it in the workspace, or name another compute_target_name",
        )
    return None if found.state == _READY else Pending("waiting for the cluster", f"{name} is {found.state}", _RETRY)


def _make(options: AksOptions, context: Context) -> None:
    name, place = options.compute_target_name, connection(context).place
    workspace = connection(context).workspace
    if options.attach is None and options.provision is None:
        raise StageFailed(
            f"workspace {place.workspace} has no cluster {name}",
            hint="name one with compute_target_name, or add `attach:` or `provision:` to the target's block",
        )
    context.intend(f"compute/{name}")
    if options.attach:
        workspace.attach_compute(name, options.attach)
    elif options.provision:
        workspace.create_compute(name, {key: value for key, value in asdict(options.provision).items() if value})
