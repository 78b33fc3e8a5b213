"""Arguments of hooks for the unit tests of plugins and targets: a context in memory, and records with most
fields set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lading import BadInput, Models, ModelVersion, RegisterRequest, Secret

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHA = "5f" * 32


@dataclass
class MemoryContext:
    """A `lading.Context` that records a plugin's actions.

    `variables` are the environment variables that the plugin can read, and `secrets` the names that it has read. The
    context is cancelled after `cancel_after` lines of progress.
    """

    work: Path
    connection: Any = None
    variables: dict[str, str] = field(default_factory=dict)
    seconds_left: float | None = None
    cancel_after: int | None = None
    shown: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    intents: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def cancelled(self) -> bool:
        return self.cancel_after is not None and len(self.shown) >= self.cancel_after

    @property
    def models(self) -> Models:
        raise AssertionError("only the registry of the store asks for models")

    def progress(self, phase: str, detail: str = "") -> None:
        self.shown.append((phase, detail))

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def secret(self, name: str) -> Secret:
        self.secrets.append(name)
        if name not in self.variables:
            raise BadInput(f"the environment variable {name} is not set", hint=f"export {name}=…")
        return Secret(self.variables[name])

    def intend(self, name: str) -> None:
        self.intents.append(name)

    def record(self, name: str, text: str) -> None:
        self.facts[name] = text

    def recorded(self, name: str) -> str | None:
        return self.facts.get(name)


def context_in(folder: Path, connection: Any = None, **variables: str) -> MemoryContext:
    """A context whose work folder is in `folder`."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return MemoryContext(work, connection, variables)


def a_version(file: Path, **fields: Any) -> ModelVersion:
    """The third version of `rate`, whose bytes are in `file`."""
    given: dict[str, Any] = {
        "name": "rate",
        "version": 3,
        "sha256": SHA,
        "file_name": "model.joblib",
        "created": NOW,
        "framework": "scikit-learn",
        "framework_version": "1.7.2",
        "python": "3.11",
    }
    return ModelVersion(file=file, **{**given, **fields})


def a_registration(file: Path, **fields: Any) -> RegisterRequest:
    """The request to register `rate`, whose bytes are in `file`."""
    given: dict[str, Any] = {
        "name": "rate",
        "sha256": SHA,
        "file_name": "model.joblib",
        "framework": "scikit-learn",
        "framework_version": "1.7.2",
        "python": "3.11",
    }
    return RegisterRequest(file=file, **{**given, **fields})
