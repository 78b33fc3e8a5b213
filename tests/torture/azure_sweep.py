"""A deploy to `aci` in the offline Azure with one fault at one of its requests."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.request import build_opener

from offline_azure.calls import Call

from .azure_attempt import OPERATION, SERVICE, Attempt, Strike, has_answer

_READ = rf"GET .*/services/{SERVICE}$"


class ServiceAttempt(Attempt):
    target = "aci"
    modules = ("lading_azureml.sdk",)
    only: ClassVar = {"drip": _READ, "forgotten": OPERATION, "lagging": r"/oauth2/v2\.0/token$", "locked": _READ}

    @property
    def services(self) -> dict[str, Any]:
        found: dict[str, Any] = self.azure.state["services"]
        return found

    @property
    def answers(self) -> bool:
        state = self.azure.state
        uri = state["services"].get(SERVICE, {}).get("scoringUri")
        return bool(uri) and has_answer(build_opener(), uri, state["keys"][SERVICE]["primaryKey"])

    def orphans(self, strike: Strike) -> str:
        state = self.azure.state
        counts = {kind: len(state[kind]) for kind in ("experiments", "runs", "models", "assets", "services")}
        created = [call for call in self.azure.calls.like("POST", "/services$") if _had_effect(call)]
        if {*counts.values(), len(created)} == {1}:
            return ""
        return f"{counts}, asked {len(created)} times for the service"


def _had_effect(call: Call) -> bool:
    return call.fault == "drop_after" or call.status in (202, 409)
