"""An observer."""

from lading import Description, hookimpl

from . import note


@hookimpl
def lading_describe():
    return Description(summary="rings")


@hookimpl
def lading_observe(event):
    if event.kind != "progress":
        return note("lading_observe", kind=event.kind, stage=event.stage, target=event.target)
    return None
