"""A connection, and the tracker and registry of its family."""

from dataclasses import dataclass

from lading import Description, ModelReference, Options, TrackedRun, hookimpl

from . import note


@dataclass(frozen=True)
class AccountOptions(Options):
    berth: str
    """Where the account is."""
    password: str = "HARBOUR_PASSWORD"
    """Name of the variable with the password."""


@hookimpl
def lading_describe():
    return Description(summary="an account at the harbour", options=AccountOptions, connection="harbour")


@hookimpl
def lading_connect(request, context):
    password = context.secret(request.options.password).reveal()
    context.progress(f"signing in as {password}", f"with {password}")
    return note("lading_connect", name=request.name, berth=request.options.berth) or {"berth": request.options.berth}


@hookimpl
def lading_track(request, context):
    berth = context.connection["berth"]
    kept = TrackedRun(tracker="harbour", id=f"h-{request.id}", url=f"https://{berth}.example/{request.id}")
    return note("lading_track", state=request.state, berth=berth) or kept


@hookimpl
def lading_register(request, context):
    facts = {"model": request.name, "reference": request.reference.version, "berth": context.connection["berth"]}
    return note("lading_register", **facts) or ModelReference(registry="harbour", name=request.name, version="A7")
