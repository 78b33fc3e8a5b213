"""The packager `bundle`: scoring script, modules and pinned environment in Azure ML's inference layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Description, hookimpl

from .options import BundleOptions

if TYPE_CHECKING:  # a deploy with nothing to do needs only the description
    from lading import Context, PackageRequest, PackedFiles


@hookimpl
def lading_describe() -> Description:
    return Description(summary="a folder in Azure ML's inference layout, with every pin", api=1, options=BundleOptions)


@hookimpl
def lading_package(request: PackageRequest[BundleOptions], context: Context) -> PackedFiles:
    """Write the package of a model. See `packing.pack`."""
    from .packing import pack

    return pack(request, context)
