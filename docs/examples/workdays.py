from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from lading import Description, GateRequest, Options, Refused, hookimpl

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


@dataclass(frozen=True)
class CalendarOptions(Options):
    closed: tuple[Day, ...] = ("Sat", "Sun")
    """Days (UTC) without a deploy."""
    targets: tuple[str, ...] = ()
    """The targets that are guarded. Without a name, each of them is."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="no deploy on some days", api=1, options=CalendarOptions)


@hookimpl
def lading_gate(request: GateRequest[CalendarOptions]) -> None:
    options = request.options
    if request.stage != "deploy" or (options.targets and request.target not in options.targets):
        return
    today = datetime.now(UTC).strftime("%a")
    if today in options.closed:
        raise Refused(f"no deploy to '{request.target}' on a {today}", hint="wait, or change `closed` in the manifest")
