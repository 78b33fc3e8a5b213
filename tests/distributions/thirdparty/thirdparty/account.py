"""A connection, and the tracker and registry of its family."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lading import (
    ConnectRequest,
    Context,
    Description,
    ModelReference,
    Options,
    RegisterRequest,
    Run,
    TrackedRun,
    hookimpl,
)

from . import Wrong, note


@dataclass(frozen=True)
class AccountOptions(Options):
    placed_by = ("region",)

    region: str
    """Where the account is."""
    password: str = "HOSTING_PASSWORD"
    """Name of the variable with the password."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="an account at a hosting provider", api=1, options=AccountOptions, connection="hosting")


@hookimpl
def lading_connect(request: ConnectRequest[AccountOptions], context: Context) -> dict[str, str] | Wrong:
    password = context.secret(request.options.password).reveal()
    context.progress(f"signing in as {password}", f"with {password}")
    return note("lading_connect", name=request.name, region=request.options.region) or {
        "region": request.options.region
    }


@hookimpl
def lading_track(request: Run, context: Context, artifacts: Sequence[Path]) -> TrackedRun | Wrong:
    region = context.connection["region"]
    kept = TrackedRun(tracker="hosting", id=f"h-{request.id}", url=f"https://{region}.example/{request.id}")
    files = {"files": [file.name for file in artifacts]} if artifacts else {}
    return note("lading_track", state=request.state, region=region, **files) or kept


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference | Wrong:
    assert request.reference is not None
    facts = {"model": request.name, "reference": request.reference.version, "region": context.connection["region"]}
    return note("lading_register", **facts) or ModelReference(registry="hosting", name=request.name, version="A7")
