"""The options of the target `container`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lading import Means, Options, Range, Text

_LONGEST = 131_071  # bytes of `NAME=VALUE`: Linux limits one text of the environment to 32 pages, with its last zero


@dataclass(frozen=True)
class ContainerOptions(Options):
    host: Annotated[str, Text(pattern=r"^[0-9a-fA-F.:]+$", max_length=45)] = "127.0.0.1"
    """Address of the engine's machine to listen on. The service asks for no password: on an address other than
    loopback, everybody in the network can use it.
    """

    port: Annotated[int, Range(ge=0, le=65535)] = 0
    """Port to listen on; 0 picks a free one and keeps it from release to release."""

    cpus: Annotated[Annotated[float, Range(gt=0, le=1024)] | None, Means("processors")] = None
    """Number of processors that it may use; by default all of them."""

    memory: Annotated[str, Text(pattern=r"^[1-9][0-9]{0,12}[bkmg]$")] | None = None
    """Memory that it may use, such as `512m`; if it uses more, it is killed, and its status shows this."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the scoring script. Every user of the engine can read them there."""

    page: bool = True
    """Whether a browser that opens the address gets a page to try the model."""

    restart: Literal["no", "on-failure", "always", "unless-stopped"] = "unless-stopped"
    """When the engine starts it again after it has ended."""

    network: Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")] | None = None
    """An existing network of the engine to join. Other containers there find it by the service's name."""

    pull: Literal["missing", "always", "never"] = "missing"
    """When to pull an image that is in a registry."""

    start_timeout: Annotated[float, Range(gt=0, le=86400)] = 120
    """Seconds that importing the scoring script and `init` may take together."""

    def __post_init__(self) -> None:
        wrong = next((name for name in self.env if not name or "=" in name or "\0" in name), None)
        if wrong is not None:
            raise ValueError(f"env: {wrong!r} cannot be the name of a variable")
        long = next((name for name, value in self.env.items() if _size(name, value) > _LONGEST), None)
        if long is not None:
            raise ValueError(
                f"env: {long} and its value have more than {_LONGEST} bytes, which no program can be given"
            )


def _size(name: str, value: str) -> int:
    """The bytes of a variable, as the kernel counts them."""
    return len(f"{name}={value}".encode("utf-8", "surrogateescape"))
