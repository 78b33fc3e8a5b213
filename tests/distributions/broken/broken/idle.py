"""A plugin with a description and no behaviour."""

from lading import Description, hookimpl


@hookimpl
def lading_describe() -> Description:
    return Description(summary="idle", api=1)
