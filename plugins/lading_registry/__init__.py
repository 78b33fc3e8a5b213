"""The store's own registry: `store`, where every model version is kept first."""

from __future__ import annotations

from lading import Context, Description, ModelReference, RegisterRequest, hookimpl


@hookimpl
def lading_describe() -> Description:
    return Description(summary="the model versions of the store")


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference:
    """Keep the model in the store; the same bytes under the same name are the same version."""
    model = context.models.register(request)
    return ModelReference(registry="store", name=model.name, version=str(model.version))
