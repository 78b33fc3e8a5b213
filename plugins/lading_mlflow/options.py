"""What a manifest says of an MLflow server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lading import Options, Text


@dataclass(frozen=True)
class MlflowOptions(Options):
    tracking_uri: Annotated[str, Text(pattern=r"^https?://[^\s/?#@]+[^\s?#@]*$")]
    """Address of the server: `https://mlflow.example.org`. Credentials do not belong into it."""
    experiment: Annotated[str, Text(min_length=1, max_length=256)] = "lading"
    """Experiment that runs are logged in; made where there is none."""
    token_from: str | None = None
    """Name of the environment variable with a bearer token."""
    username: str | None = None
    """User of a server with basic authentication."""
    password_from: str | None = None
    """Name of the environment variable with that user's password."""

    def __post_init__(self) -> None:
        if (self.username is None) != (self.password_from is None):
            raise ValueError("username: it goes with password_from, and the one without the other says nothing")
        if self.token_from is not None and self.username is not None:
            raise ValueError("token_from: give a token, or a username and password_from")
