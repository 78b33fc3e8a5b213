"""An open workspace of the connection `azureml-v2`, with a recorded network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from tests.hook_kit import NOW, MemoryContext, context_in
from tests.plugins.wire import Wire, wire_of

from lading import Run
from lading_azureml_v2.connection import connect
from lading_azureml_v2.options import AzureV2Options

SCOPE = "/subscriptions/s-1/resourceGroups/mi2/providers/Microsoft.MachineLearningServices/workspaces/salary"
API = "https://westeurope.api.example"
HISTORY, METRICS, FILES = f"/history/v1.0{SCOPE}", f"/metric/v2.0{SCOPE}/runs/r1", f"/artifact/v2.0{SCOPE}/artifacts"
RUN = f"{HISTORY}/runs/r1"
EXPERIMENT = f"{HISTORY}/experiments/salexp"
PLACE = "ExperimentRun/dcid.r1"
BLOBS = "https://store.blob.example/c"


class _Credential:
    def get_token(self, scope: str) -> AccessToken:
        return AccessToken(f"token for {scope}", 1767322800)


def connected(
    folder: Path, monkeypatch: pytest.MonkeyPatch, experiment: str | None = "salexp", registry: str | None = None
) -> tuple[MemoryContext, Wire]:
    """A context with an open connection, and the record of its network without the requests that opened it."""
    monkeypatch.setattr("lading_azureml_v2.rest.credential", lambda _auth, _context: lambda _host: _Credential())
    wire, context = wire_of(monkeypatch), context_in(folder)
    wire.answer("GET", SCOPE, {"location": "westeurope", "properties": {"discoveryUrl": f"{API}/discovery{SCOPE}"}})
    wire.answer("GET", f"/discovery{SCOPE}", {"api": API, "studio": "https://ml.azure.com"})
    options = AzureV2Options(
        subscription_id="s-1", resource_group="mi2", workspace="salary", experiment=experiment, registry=registry
    )
    context.connection = connect("azureml-v2", options, context)
    wire.sent.clear()
    return context, wire


def a_run(**fields: Any) -> Run:
    given: dict[str, Any] = {"id": "r1", "name": "price", "state": "finished", "started": NOW, "ended": NOW}
    return Run(**{**given, **fields})
