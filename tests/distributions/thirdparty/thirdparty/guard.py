"""A gate."""

from dataclasses import dataclass

from lading import Description, GateRequest, Options, Refused, hookimpl

from . import Wrong, note


@dataclass(frozen=True)
class GuardOptions(Options):
    closed: tuple[str, ...] = ()
    """Targets that nobody may deploy to."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="closes targets", api=1, options=GuardOptions)


@hookimpl
def lading_gate(request: GateRequest[GuardOptions]) -> Wrong | None:
    misbehaviour = note("lading_gate", stage=request.stage, target=request.target)
    if request.target in request.options.closed:
        raise Refused(f"{request.target} is closed")
    return misbehaviour
