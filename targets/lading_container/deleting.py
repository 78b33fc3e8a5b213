"""Delete a deployment: stop and remove its containers. The image stays, because other targets may serve it."""

from __future__ import annotations

from lading import Context, DeleteStep, Deployment, Done, Pending
from lading_docker.engine import Engine, asking

from .containers import find, names
from .keys import ring


def delete(deployment: Deployment, context: Context) -> DeleteStep:
    """Remove one container. The serving one is last, so that the status shows an incomplete removal."""
    found = [container for name in names(deployment.service) if (container := find(name, deployment))]
    if not found:
        ring(context).remove()
        return Done()
    container = found[-1]
    context.intend(f"container/{container.name}/delete")
    with asking(f"removing {container.name}"):
        engine = Engine()
        engine.api.stop(container.id)
        engine.api.remove_container(container.id, force=True)
    return Pending(phase="removing", detail=container.name, retry_after=0.0)
