"""The end of a deployment: its containers are stopped and removed; its image stays, as other targets may serve it."""

from __future__ import annotations

from lading import Context, Deployment, State, Status
from lading_docker.engine import Engine, asking

from .containers import find, names


def delete(deployment: Deployment, context: Context) -> Status:
    """Remove what there is; the one that serves last, so that a cut-off removal is seen and taken up again."""
    found = [container for name in names(deployment.service) if (container := find(name, deployment))]
    if found:
        engine = Engine()
        context.intend(f"container/{deployment.service}/delete")
        for container in reversed(found):
            with asking(f"removing {container.name}"):
                engine.api.stop(container.id)
                engine.api.remove_container(container.id, force=True)
    return Status(State.ABSENT)
