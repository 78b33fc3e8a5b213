"""The real client of MLflow, with a recorded network instead of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.plugins.wire import Wire

if TYPE_CHECKING:
    from lading_mlflow.server import MlflowServer

URI = "https://mlflow.example/base"
API = "/base/api/2.0/mlflow"
EXPERIMENT = {"experiment_id": "7", "name": "salaries", "lifecycle_stage": "active"}


def connected(wire: Wire, **signed_in: str) -> MlflowServer:
    """A server that has the experiment. The request for it is removed from the record."""
    from lading_mlflow.server import MlflowServer

    wire.answer("GET", "/experiments/get-by-name", {"experiment": EXPERIMENT})
    info = {"run_id": "r9", "run_uuid": "r9", "status": "RUNNING", "artifact_uri": "mlflow-artifacts:/7/r9/artifacts"}
    # Some client versions request a run before they end it.
    wire.answer("GET", "/runs/get", {"run": {"info": info, "data": {}}})
    server = MlflowServer(URI, "salaries", signed_in)
    wire.sent.clear()
    return server


def a_version(number: int, status: str = "READY", **tags: str) -> dict[str, Any]:
    named = [{"key": name.replace("_", "."), "value": value} for name, value in tags.items()]
    return {"name": "rate", "version": str(number), "status": status, "tags": named}


def bodies(wire: Wire, method: str, path: str) -> list[Any]:
    """The bodies of the requests with a method and an end of the path."""
    return [sent.json for sent in wire.like(method, path)]
