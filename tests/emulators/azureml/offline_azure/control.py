"""What a test may ask the emulator itself, on a port of its own, in plain JSON over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from .app import App
from .images import REGISTRY_PASSWORD
from .messages import Answer, Head, as_json
from .sign_in import AUDIENCE, IDENTITY_HEADER, issue
from .state import Workspace, World
from .wire import Body

GROUP, LOCATION = "mi2", "southeastasia"


class Control:
    """`POST /reset` begins a new world; the rest reads and changes the one that is there."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._worlds = 0
        self._answers: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("POST", "/reset"): self._reset,
            ("GET", "/calls"): lambda _: app.calls.as_json(),
            ("POST", "/failures/accept"): lambda _: app.calls.accept_failures(),
            ("GET", "/state"): lambda _: app.snapshot(asdict),
            ("GET", "/secrets"): lambda _: app.snapshot(_secrets),
            ("GET", "/faults"): lambda _: app.faults.as_json(),
            ("POST", "/faults"): app.faults.add,
            ("POST", "/operations/release"): lambda _: app.machines.release(),
            ("POST", "/settings"): lambda fields: app.snapshot(lambda world: _set(world, fields)),
            ("POST", "/tokens"): lambda _: app.snapshot(lambda world: issue(world, AUDIENCE)),
            ("POST", "/tokens/expire"): lambda _: app.snapshot(World.expire_tokens),
        }

    def __call__(self, head: Head, body: Body) -> Answer:
        content = body.read()
        answer = self._answers.get((head.method, head.path))
        if answer is None:
            return as_json({"error": f"there is no {head.method} {head.path}"}, 404)
        try:
            return as_json(answer(json.loads(content) if content else None))
        except (TypeError, ValueError) as error:
            return as_json({"error": str(error)}, 400)

    def _reset(self, _: Any) -> Any:
        self._worlds += 1
        world = World()
        world.add_group(GROUP, LOCATION)
        workspace = world.add_workspace(GROUP, f"salary-{self._worlds}", LOCATION)
        self._app.reset(world)
        return _coordinates(world, workspace)


def _coordinates(world: World, workspace: Workspace) -> dict[str, Any]:
    return {
        "tenant_id": world.tenant_id,
        "client_id": world.client_id,
        "client_secret": world.client_secret,
        "subscription_id": world.subscription_id,
        "resource_group": workspace.resource_group,
        "workspace": workspace.name,
        "location": workspace.location,
    }


def _secrets(world: World) -> list[str]:
    """Everything that must never be seen in a log, a file or an error."""
    return [world.client_secret, IDENTITY_HEADER, REGISTRY_PASSWORD, *world.issued]


def _set(world: World, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if not hasattr(world.settings, name):
            raise ValueError(f"no setting named {name!r}")
        setattr(world.settings, name, value)
