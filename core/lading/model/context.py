"""What the framework gives to every hook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .description import Secret
    from .records import ModelVersion
    from .stages import RegisterRequest


class Models(Protocol):
    """The store's model versions, for the registry plugin of the store."""

    def register(self, request: RegisterRequest) -> ModelVersion:
        """Keep a model and give it the next version; the same bytes under the same name are the same version."""

    def get(self, name: str, version: int | None = None) -> ModelVersion | None:
        """A model version, the newest where none is named; None where there is no such version."""

    def list(self, name: str | None = None) -> Sequence[ModelVersion]:
        """All versions, newest first."""


class Connection(Protocol):
    """A signed-in account that a family of plugins shares; what it offers is between the plugins of that family."""


class Context(Protocol):
    """What the framework gives to every hook. A hook runs in a worker thread: it does not loop, sleep or print."""

    @property
    def work(self) -> Path:
        """A folder of this deployment's (or stage's) own; for a deployment it lasts until that is deleted."""

    @property
    def deadline(self) -> datetime | None:
        """When the framework stops waiting (UTC)."""

    @property
    def cancelled(self) -> bool:
        """True once the user has asked to stop: end what you do and return or raise."""

    @property
    def connection(self) -> Any:
        """What the connection plugin returned; None where the plugin uses none."""

    @property
    def models(self) -> Models:
        """The store's model versions."""

    def progress(self, phase: str, detail: str = "") -> None:
        """Tell the user what is going on."""

    def warn(self, message: str) -> None:
        """Tell the user what should not be overlooked."""

    def secret(self, name: str) -> Secret:
        """The value of an environment variable. Raises BadInput where it is not set."""

    def intend(self, name: str) -> None:
        """Journal an outside effect under its deterministic name, before it happens."""
