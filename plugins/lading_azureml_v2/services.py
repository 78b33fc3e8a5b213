"""The services of a workspace that Resource Manager does not have: run history, metrics and artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from lading import Json

from .rest import Arm, Reply


class Services:
    """The services of the workspace with the path `scope`. `discovery` is the address that lists their addresses."""

    def __init__(self, arm: Arm, scope: str, discovery: str) -> None:
        self.arm = arm
        self.scope = scope
        self._discovery = discovery

    @property
    def studio(self) -> str:
        """The address of the studio, without a slash at its end."""
        return self._addresses["studio"].rstrip("/")

    def ask(self, what: str, method: str, service: str, path: str, body: Json = None, *, gone: bool = False) -> Reply:
        """The reply of a service such as `history/v1.0` to a request below the workspace."""
        url = f"{self._addresses['api'].rstrip('/')}/{service}{self.scope}/{path}"
        return self.arm.ask_service(what, method, url, body, gone=gone)

    @cached_property
    def _addresses(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.arm.get_public("reading the addresses of the workspace", self._discovery)
        return found
