"""An observer."""

from dataclasses import dataclass

from lading import BadInput, Description, Event, Options, hookimpl

from . import Wrong, note


@dataclass(frozen=True)
class BellOptions(Options):
    tones: tuple[str, ...] = ()
    """The tones that it rings; `flat` is refused."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="rings", api=1, options=BellOptions)


@hookimpl
def lading_observe(event: Event, options: BellOptions) -> Wrong | None:
    if "flat" in options.tones:
        raise BadInput("a bell does not ring flat", option=f"tones.{options.tones.index('flat')}")
    if event.kind != "progress":
        return note("lading_observe", kind=event.kind, stage=event.stage, target=event.target)
    return None
