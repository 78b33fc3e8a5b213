from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lading import InputPath, ManifestPath, Means, Options, Range, Text

HostName = Annotated[str, Text(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=253)]
VariableName = Annotated[str, Text(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


@dataclass(frozen=True)
class KeyLogin(Options):
    kind: Literal["key"]
    """Sign in with a private key."""
    file: InputPath
    """The file of the private key."""


@dataclass(frozen=True)
class PasswordLogin(Options):
    kind: Literal["password"]
    """Sign in with a password."""
    password: VariableName
    """Name of the environment variable that holds the password."""


@dataclass(frozen=True)
class Mount(Options):
    folder: ManifestPath
    """A folder beside the manifest. It is created if it does not exist."""
    path: Annotated[str, Text(pattern="^/")]
    """The path of the folder on the host."""
    read_only: bool = True
    """Whether the service may only read there."""


@dataclass(frozen=True)
class HostOptions(Options):
    deploy_only = ("env", "mounts")

    host: HostName
    """Name of the machine."""
    port: Annotated[int, Range(ge=1, le=65535)] = 5001
    """Port to serve on."""
    workers: Annotated[int, Range(ge=1, le=64), Means("requests at a time")] = 1
    """How many processes answer requests."""
    call_limit: Annotated[float, Range(gt=0), Means("seconds that one call of run may take")] = 60.0
    """Seconds that one request may take."""
    log_level: Literal["debug", "info", "warning"] = "info"
    """The least severe lines that the log keeps."""
    login: KeyLogin | PasswordLogin | None = None
    """How to sign in. By default the SSH agent decides."""
    mounts: tuple[Mount, ...] = ()
    """Folders that the service can use."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the scoring script."""

    def __post_init__(self) -> None:
        if self.log_level == "debug" and self.workers > 1:
            raise ValueError("workers: the debug log is for one worker")
