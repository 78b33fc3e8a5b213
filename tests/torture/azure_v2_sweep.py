"""A deploy to `managed-online` in the offline Azure with one fault at one of its requests.

Azure builds the environment, so the deploy also uploads a model and a scoring script.
"""

from __future__ import annotations

import ssl
from typing import Any, ClassVar
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, build_opener

from offline_azure.calls import Call

from .azure_attempt import OPERATION, SERVICE, Attempt, Strike, has_answer

_READ = rf"GET .*/onlineEndpoints/{SERVICE}$"
_ASSETS = ("models", "environments", "codes", "endpoints", "deployments")


class OnlineAttempt(Attempt):
    target = "managed-online"
    modules = ("lading_azureml_v2.workspace", "lading_azureml_online.deploying", "lading_azureml_online.managed")
    only: ClassVar = {"drip": _READ, "forgotten": OPERATION, "lagging": "", "locked": _READ}

    @property
    def services(self) -> dict[str, Any]:
        found: dict[str, Any] = self.azure.state["v2"]["endpoints"]
        return found

    @property
    def answers(self) -> bool:
        state = self.azure.state["v2"]
        endpoint = state["endpoints"].get(SERVICE)
        if endpoint is None:
            return False
        return has_answer(self._opener, endpoint["properties"]["scoringUri"], state["keys"][SERVICE]["primaryKey"])

    @property
    def _opener(self) -> OpenerDirector:
        network = self.azure.network
        trusted = ssl.create_default_context(cafile=network["SSL_CERT_FILE"])
        return build_opener(ProxyHandler({"https": network["HTTPS_PROXY"]}), HTTPSHandler(context=trusted))

    def orphans(self, strike: Strike) -> str:
        state = self.azure.state
        counts = {kind: len(state[kind]) for kind in ("experiments", "runs")}
        counts |= {kind: len(state["v2"][kind]) for kind in _ASSETS}
        created = {call.path for call in self.azure.calls.like("PUT", "/deployments/[^/]+$") if _had_effect(call)}
        most = 2 if strike.is_answer else 1  # a release that failed is followed by another one
        if {*counts.values()} == {1} and 1 <= len(created) <= most:
            return ""
        return f"{counts}, asked for {len(created)} deployments"


def _had_effect(call: Call) -> bool:
    return call.fault == "drop_after" or call.status in (200, 201)
