"""The cluster for a service on AKS: find it by its name, attach it, or create it."""

from __future__ import annotations

from dataclasses import asdict

from lading import Context, DeployRequest, Pending, StageFailed
from lading_azureml.port import Compute

from .options import AksOptions
from .ownership import connection

_RETRY = 10.0  # seconds between two checks of a cluster that takes many minutes
_READY_STATE = "succeeded"
_FAILED_STATES = ("failed", "canceled", "cancelled")


def ensure(request: DeployRequest[AksOptions], context: Context) -> Pending | None:
    """Provide the cluster. Returns what it is waiting for, or None if it is ready.

    Raises StageFailed for a cluster that is missing, broken, or of another kind.
    """
    options = request.deployment.options
    name = options.compute_target_name
    found = check(options, context)
    if found is None:
        _make(options, context)
        return Pending(
            phase="creating the cluster" if options.provision else "attaching the cluster",
            detail=name,
            retry_after=_RETRY,
        )
    return (
        None
        if found.state == _READY_STATE
        else Pending(phase="waiting for the cluster", detail=f"{name} is {found.state}", retry_after=_RETRY)
    )


def check(options: AksOptions, context: Context) -> Compute | None:
    """The cluster; None if it has to be made. Raises StageFailed like `ensure`."""
    name, place = options.compute_target_name, connection(context).place
    found = connection(context).workspace.find_compute(name)
    if found is None:
        if options.attach is None and options.provision is None:
            raise StageFailed(
                f"workspace {place.workspace} has no cluster {name}",
                hint="name one with compute_target_name, or add `attach:` or `provision:` to the target's block",
            )
        return None
    if found.kind != "AKS":
        raise StageFailed(f"compute {name} is of kind {found.kind}, not AKS", hint="name another compute_target_name")
    if found.state in _FAILED_STATES:
        raise StageFailed(
            f"cluster {name} is {found.state}: {found.error or 'Azure does not say why'}",
            hint="repair or remove it in the workspace, or name another compute_target_name",
        )
    return found


def _make(options: AksOptions, context: Context) -> None:
    name, workspace = options.compute_target_name, connection(context).workspace
    context.intend(f"compute/{name}")
    if options.attach:
        workspace.attach_compute(name, options.attach)
    elif options.provision:
        workspace.create_compute(name, {key: value for key, value in asdict(options.provision).items() if value})
