"""The options of the target `container`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lading import Duration, InputPath, ManifestPath, Means, Options, Range, Text, check_env_sizes


@dataclass(frozen=True)
class Metrics(Options):
    """The access to the metrics of a service."""

    auth: Literal["key", "none"] = "key"
    """Whether reading them needs a key, if the service needs one."""


@dataclass(frozen=True)
class Tls(Options):
    """The certificate of a service that answers HTTPS."""

    cert: InputPath
    """PEM file with the certificate of the service, followed by those of its issuers, if it has any."""

    key: ManifestPath
    """PEM file with its private key, without a password. Its owner alone should be able to read it."""

    def __post_init__(self) -> None:
        from lading_serving.certificate import load

        load(self.cert, self.key)


@dataclass(frozen=True)
class ContainerOptions(Options):
    deploy_only = ("env", "tls")

    host: Annotated[str, Text(pattern=r"^[0-9a-fA-F.:]+$", max_length=45)] = "127.0.0.1"
    """Address of the engine's machine to listen on. On an address other than loopback, everybody in the network can use
    the service, unless `auth` is `key`.
    """

    auth: Literal["key", "none"] = "none"
    """Whether a request needs a key of the service, in `Authorization: Bearer KEY` or `X-Lading-Key: KEY`. The keys are
    made by the first deploy, and `lading keys` shows or rotates them. Health checks need none.
    """

    metrics: Metrics = Metrics()
    """The metrics at `/metrics`: `{auth: none}` opens them when `auth` is `key`."""

    tls: Tls | None = None
    """The certificate and the key, `{cert: FILE, key: FILE}`, with which the service answers HTTPS instead of HTTP. The
    files are copied into the container. A renewed certificate is used after the next `lading deploy`.
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

    access_log: bool | Annotated[float, Range(ge=0, le=1)] = True
    """Whether each request is a line of the log; a number such as 0.1 logs that share of them."""

    log_format: Literal["text", "json"] = "text"
    """The form of these lines: words, or one JSON object each."""

    restart: Literal["no", "on-failure", "always", "unless-stopped"] = "unless-stopped"
    """When the engine starts it again after it has ended."""

    network: Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")] | None = None
    """An existing network of the engine to join. Other containers there find it by the service's name."""

    pull: Literal["missing", "always", "never"] = "missing"
    """When to pull an image that is in a registry."""

    start_timeout: Annotated[float, Range(gt=0, le=86400), Duration()] = 120
    """Seconds that importing the scoring script and `init` may take together."""

    def __post_init__(self) -> None:
        wrong = next((name for name in self.env if not name or "=" in name or "\0" in name), None)
        if wrong is not None:
            raise ValueError(f"env: {wrong!r} cannot be the name of a variable")
        check_env_sizes(self.env)
