"""The tools of the hub's handlers: the call, the etag rules, and the text of refusals."""

from __future__ import annotations

import re
import uuid
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from offline_azure.messages import Answer, Refusal, WrongShape, as_json
from offline_azure.routing import Asked, RoutesOf

from .state import Hub

HOST = r"[a-z0-9-]+\.azure-devices\.net"
API_VERSION = re.compile(r"20\d\d-\d\d-\d\d(-preview)?")
NUMBERS = {  # error numbers of the hub; for other errors none are published
    "IotHubUnauthorizedAccess": 401002,
    "IotHubUnauthorized": 401003,
    "IotHubQuotaExceeded": 403002,
    "DeviceNotFound": 404001,
    "ModuleNotFound": 404010,
    "DeviceNotOnline": 404103,
    "PreconditionFailed": 412001,
}


@dataclass(frozen=True)
class Visit(Asked):
    """A call of the hub."""

    hub: Hub

    def body(self, required: Set[str], optional: Set[str] = frozenset()) -> dict[str, Any]:
        """The JSON object of the request. Raises WrongShape if a field is missing or unknown."""
        sent = self.request.json()
        if not isinstance(sent, dict):
            raise WrongShape("the body is no object")
        fields("body", sent, required, optional)
        return sent

    @property
    def if_match(self) -> str | None:
        return self.request.head.headers.get("if-match")


def routes() -> RoutesOf[Visit]:
    return RoutesOf[Visit](HOST)


def fields(what: str, sent: dict[str, Any], required: Set[str], optional: Set[str]) -> None:
    """Raise WrongShape if a field is missing or unknown."""
    if missing := required - sent.keys():
        raise WrongShape(f"the {what} lacks {sorted(missing)}")
    if unknown := sent.keys() - required - optional:
        raise WrongShape(f"the {what} has unknown fields: {sorted(unknown)}")


def check_etag(sent: str | None, current: str) -> None:
    """Check If-Match: `*` or the etag in quotation marks. Raises Refusal for another etag."""
    if sent is None or sent.strip('"') == "*":
        return
    if not (len(sent) > 1 and sent[0] == sent[-1] == '"'):
        raise Refusal(409, "Conflict", "The etag of If-Match is not in quotation marks")
    if sent.strip('"') != current:
        raise Refusal(412, "PreconditionFailed", f"Precondition failed: the etag is {current}")


def refused(refusal: Refusal) -> Answer:
    """An error in the hub's format."""
    number = NUMBERS.get(refusal.code)
    words = f"ErrorCode:{refusal.code};{refusal.message}"
    body = {
        "Message": f"{words} ({number})" if number else words,
        "ExceptionMessage": f"Tracking ID:{uuid.uuid4().hex}-G:0-TimeStamp:offline",
    }
    return as_json(body, refusal.status, iothub_errorcode=refusal.code)
