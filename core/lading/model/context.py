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

    def record(self, name: str, text: str) -> None:
        """Keep a text about this deployment in the store's database, before anything relies on it. For targets.

        A file in `work` may be planted; what is recorded here may not. Record the digest of a file that decides what
        runs, and compare it before the file is used.
        """

    def recorded(self, name: str) -> str | None:
        """The text that was last recorded under a name for this deployment; None if there is none. For targets."""
