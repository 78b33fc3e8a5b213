"""The registry `store`: the local store, where every model version is registered first."""

from __future__ import annotations

from lading import Context, Description, ModelReference, RegisterRequest, hookimpl


@hookimpl
def lading_describe() -> Description:
    return Description(summary="the model versions of the store", api=1)


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference:
    """Register the model in the store. The same files under the same name are the same version."""
    model = context.models.register(request)
    return ModelReference(registry="store", name=model.name, version=str(model.version))
