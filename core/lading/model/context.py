"""The context of every hook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .description import Secret
    from .records import ModelVersion
    from .stages import RegisterRequest


class Models(Protocol):
    """The store's model versions, for the registry plugin of the store."""

    def register(self, request: RegisterRequest) -> ModelVersion:
        """Keep a model and give it the next version. The same bytes under the same name have the same version."""

    def get(self, name: str, version: int | None = None) -> ModelVersion | None:
        """A model version, by default the newest; None if the version does not exist."""

    def list(self, name: str | None = None) -> Sequence[ModelVersion]:
        """All versions, newest first."""


class Connection(Protocol):
    """A signed-in account that a family of plugins shares. These plugins alone define what it offers."""


class Context(Protocol):
    """The framework's services for every hook. A hook runs in a worker thread: it must not loop, sleep or print."""

    @property
    def work(self) -> Path:
        """A private folder of this deployment (or stage). It lasts until the deployment is deleted."""

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the framework stops waiting, at least 0; None without a limit. It ignores the time of day."""

    @property
    def cancelled(self) -> bool:
        """True once the user has asked to stop. Then end the work, and return or raise."""

    @property
    def connection(self) -> Any:
        """The return value of the connection plugin; None if the plugin uses no connection."""

    @property
    def models(self) -> Models:
        """The store's model versions."""

    def progress(self, phase: str, detail: str = "") -> None:
        """Show the user the progress of the work."""

    def warn(self, message: str) -> None:
        """Show the user a warning."""

    def secret(self, name: str) -> Secret:
        """The value of an environment variable. Raises BadInput if it is not set."""

    def intend(self, name: str) -> None:
        """Journal an outside effect under its deterministic name, before it happens."""

    def record(self, name: str, text: str) -> None:
        """Keep a text about this deployment in the store's database, before anything relies on it. For targets.

        Somebody else may plant a file in `work`, but cannot change this text. If a file decides what runs, record its
        digest, and compare it before each use.
        """

    def recorded(self, name: str) -> str | None:
        """The text that was last recorded under a name for this deployment; None if there is none. For targets."""
