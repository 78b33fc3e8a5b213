"""The options of a connection to an MLflow server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lading import Options, Text


@dataclass(frozen=True)
class MlflowOptions(Options):
    tracking_uri: Annotated[str, Text(pattern=r"^https?://[^\s/?#@]+[^\s?#@]*$")]
    """Address of the server: `https://mlflow.example.org`. It must not contain credentials."""
    experiment: Annotated[str, Text(min_length=1, max_length=256)] = "lading"
    """Experiment for the runs; created if it does not exist."""
    token_from: str | None = None
    """Name of the environment variable with a bearer token."""
    username: str | None = None
    """User of a server with basic authentication."""
    password_from: str | None = None
    """Name of the environment variable with that user's password."""

    def __post_init__(self) -> None:
        if (self.username is None) != (self.password_from is None):
            raise ValueError("username: username and password_from need each other")
        if self.token_from is not None and self.username is not None:
            raise ValueError("token_from: give a token, or a username and password_from")
