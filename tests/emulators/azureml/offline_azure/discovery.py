"""The addresses of the services in a workspace's region."""

from __future__ import annotations

from .messages import Answer, as_json
from .routing import DATA_PLANE, WORKSPACE, Routes, Visit
from .state import Workspace

routes = Routes(DATA_PLANE, prefix="/discovery", signed_in=False)
ROUTES = (routes,)


def discovery_url(workspace: Workspace) -> str:
    return f"{api(workspace)}/discovery{workspace.scope}"


def api(workspace: Workspace) -> str:
    return f"https://{workspace.location}.api.azureml.ms"


@routes.on("GET", WORKSPACE)
def services(visit: Visit) -> Answer:
    location = visit.workspace.location
    experiments = f"https://{location}.experiments.azureml.net"
    return as_json(
        {
            "api": api(visit.workspace),
            "experimentation": experiments,
            "history": experiments,
            "hyperdrive": experiments,
            "modelmanagement": f"https://{location}.modelmanagement.azureml.net",
            "pipelines": f"https://{location}.aether.ms",
            "studio": "https://ml.azure.com",
        }
    )
