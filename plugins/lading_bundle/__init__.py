"""The packager `bundle`: scoring script, modules and pinned environment in Azure ML's inference layout."""

from __future__ import annotations

from lading import Context, Description, PackageRequest, PackedFiles, hookimpl

from .options import BundleOptions


@hookimpl
def lading_describe() -> Description:
    return Description(summary="a folder in Azure ML's inference layout, with every pin", options=BundleOptions)


@hookimpl
def lading_package(request: PackageRequest, context: Context) -> PackedFiles:
    """Write the package of a model. See `packing.pack`."""
    from .packing import pack

    return pack(request, context)
