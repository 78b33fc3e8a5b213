"""Routes of Resource Manager that name their action, as roles do. A client without the action is refused."""

from __future__ import annotations

import base64
import fnmatch
import json
import re
from collections.abc import Callable
from typing import Any

from ..messages import Answer, Refusal, WrongShape, as_json
from ..routing import MANAGEMENT, WORKSPACE, Later, Routes, Visit
from ..state import World

PROVIDER = "Microsoft.MachineLearningServices/workspaces"
AUDIENCE = re.compile(
    rf"https://({MANAGEMENT}|management\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net))/*"
)
API_VERSION = re.compile(r"20\d\d-\d\d-\d\d(-preview)?")
Handler = Callable[[Visit], Answer | Later]


class ArmRoutes:
    """The routes of one kind of resource below a workspace."""

    def __init__(self, prefix: str = "") -> None:
        self._inner = Routes(MANAGEMENT, prefix=WORKSPACE + prefix)
        self.routes = self._inner.routes

    def on(self, method: str, path: str, action: str) -> Callable[[Handler], Handler]:
        """Declare a route. `action` is relative to the workspace, such as `onlineEndpoints/read`."""

        def declare(handler: Handler) -> Handler:
            def allowed(visit: Visit) -> Answer | Later:
                check_version(visit)
                check_action(visit, f"{PROVIDER}/{action}")
                return handler(visit)

            self._inner.on(method, path)(allowed)
            return handler

        return declare


def check_version(visit: Visit) -> None:
    """Raise WrongShape if the call has no API version, or its token is for another service."""
    if not API_VERSION.fullmatch(visit.query.get("api-version", "")):
        raise WrongShape("the call has no api-version")
    check_audience(visit)


def check_audience(visit: Visit) -> None:
    """Raise Refusal if the token of a call is for another service."""
    found = audience(visit.request.head.headers["authorization"].removeprefix("Bearer "))
    if not AUDIENCE.fullmatch(found):
        raise Refusal(401, "InvalidAuthenticationTokenAudience", f"The access token is for the audience '{found}'.")


def check_action(visit: Visit, action: str, *, on_group: bool = False) -> None:
    """Raise Refusal if the client's roles do not have the action at the workspace, or at its resource group."""
    denied = permissions_of(visit.world, on_group=on_group)["notActions"]
    if not any(fnmatch.fnmatch(action.lower(), each.lower()) for each in denied):
        return
    client, scope = visit.world.client_id, visit.request.head.path.partition("?")[0]
    raise Refusal(
        403,
        "AuthorizationFailed",
        f"The client '{client}' with object id '{client}' does not have authorization to perform action '{action}' "
        f"over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your "
        "credentials.",
    )


def audience(token: str) -> str:
    """The service that a token is for."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return str(claims["aud"])


permissions = ArmRoutes()
ROUTES = (permissions,)


@permissions.on("GET", "/providers/Microsoft.Authorization/permissions", "read")
def read_permissions(visit: Visit) -> Answer:
    """The actions that the client's roles have at the workspace."""
    return as_json({"value": [permissions_of(visit.world)]})


def permissions_of(world: World, *, on_group: bool = False) -> dict[str, list[str]]:
    """The actions at the workspace, or at its resource group. A role on the workspace gives none at the group."""
    denied = [*world.settings.denied, *(world.settings.denied_on_group if on_group else ())]
    return {"actions": ["*"], "notActions": denied, "dataActions": [], "notDataActions": []}
