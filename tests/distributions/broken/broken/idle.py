"""Says what it is, and does nothing."""

from lading import Description, hookimpl


@hookimpl
def lading_describe():
    return Description(summary="idle")
