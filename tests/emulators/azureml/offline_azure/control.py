"""The control API of the offline Azure, for tests."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .app import App
from .controls import Control
from .images import REGISTRY_PASSWORD
from .sign_in import AUDIENCE, IDENTITY_HEADER, issue
from .state import Workspace, World

GROUP, LOCATION, REGISTRY = "mi2", "southeastasia", "team"


class AzureControl(Control):
    """`POST /reset` starts a new world. The other calls read and change the current one."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._worlds = 0
        super().__init__(
            app,
            {
                ("POST", "/reset"): self._reset,
                ("GET", "/state"): lambda _: app.snapshot(asdict),
                ("GET", "/secrets"): lambda _: app.snapshot(_secrets),
                ("POST", "/operations/release"): lambda _: app.machines.release(),
                ("POST", "/settings"): lambda fields: app.snapshot(lambda world: _set(world, fields)),
                ("POST", "/tokens"): lambda _: app.snapshot(lambda world: issue(world, AUDIENCE)),
                ("POST", "/tokens/expire"): lambda _: app.snapshot(World.expire_tokens),
            },
        )

    def _reset(self, _: Any) -> Any:
        self._worlds += 1
        world = World()
        world.add_group(GROUP, LOCATION)
        world.add_registry("shared", REGISTRY, "eastus")
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
    """All texts that must never appear in a log, a file or an error."""
    return [world.client_secret, IDENTITY_HEADER, REGISTRY_PASSWORD, *world.issued]


def _set(world: World, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if not hasattr(world.settings, name):
            raise ValueError(f"no setting named {name!r}")
        setattr(world.settings, name, value)
