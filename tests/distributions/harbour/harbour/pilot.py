"""A gate."""

from dataclasses import dataclass

from lading import Description, Options, Refused, hookimpl

from . import note


@dataclass(frozen=True)
class PilotOptions(Options):
    closed: tuple[str, ...] = ()
    """Targets that nobody may sail to."""


@hookimpl
def lading_describe():
    return Description(summary="knows the way", options=PilotOptions)


@hookimpl
def lading_gate(request):
    misbehaviour = note("lading_gate", stage=request.stage, target=request.target)
    if request.target in request.options.closed:
        raise Refused(f"{request.target} is closed")
    return misbehaviour
