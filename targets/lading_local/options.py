"""The options of the target `local`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from lading import Duration, ManifestPath, Means, Options, Range, Text

if TYPE_CHECKING:
    from lading import Installs

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # names of processors in a platform such as linux/amd64


@dataclass(frozen=True)
class Metrics(Options):
    """The access to the metrics of a service."""

    auth: Literal["key", "none"] = "key"
    """Whether reading them needs a key, if the service needs one."""


@dataclass(frozen=True)
class Tls(Options):
    """The certificate of a service that answers HTTPS."""

    cert: ManifestPath
    """PEM file with the certificate of the service, followed by those of its issuers, if it has any."""

    key: ManifestPath
    """PEM file with its private key, without a password. Its owner alone should be able to read it."""

    def __post_init__(self) -> None:
        from lading_serving.certificate import load

        load(self.cert, self.key)


@dataclass(frozen=True)
class LocalOptions(Options):
    """The options of a service on this machine."""

    deploy_only = ("env", "tls")

    host: Annotated[str, Text(min_length=1, max_length=253)] = "127.0.0.1"
    """Address to listen on. On an address other than loopback, everybody in the network can use the service, unless
    `auth` is `key`.
    """

    auth: Literal["key", "none"] = "none"
    """Whether a request needs a key of the service, in `Authorization: Bearer KEY` or `X-Lading-Key: KEY`. The keys are
    made by the first deploy, and `lading keys` shows or rotates them. Health checks need none.
    """

    metrics: Metrics = Metrics()
    """The metrics at `/metrics`: `{auth: none}` opens them when `auth` is `key`."""

    tls: Tls | None = None
    """The certificate and the key, `{cert: FILE, key: FILE}`, with which the service answers HTTPS instead of HTTP. It
    reads the files again when they change, so a renewed certificate needs no deploy.
    """

    hosts: tuple[
        Annotated[str, Text(pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$", max_length=253)], ...
    ] = ()
    """Names that clients may call the service by, besides its address and `localhost`. On a loopback address a request
    for any other host is refused, so that no web page can reach the service under its own name. On any other address
    every host is answered if this is empty; otherwise these names and addresses.
    """

    port: Annotated[int, Range(ge=0, le=65535)] = 0
    """Port to listen on; 0 picks a free one and keeps it from release to release."""

    workers: Annotated[int, Range(ge=1, le=64), Means("requests at a time")] = 1
    """Processes that score. Each answers one request at a time and loads its own copy of the model."""

    python: Literal["current", "isolated"] = "current"
    """`current` scores with the Python that runs lading; `isolated` with a virtual environment of the package's
    pinned requirements.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the scoring script. They are kept on this machine, readable by you alone."""

    page: bool = True
    """Whether a browser that opens the address gets a page to try the model."""

    access_log: bool | Annotated[float, Range(ge=0, le=1)] = True
    """Whether each request is a line of the log; a number such as 0.1 logs that share of them."""

    log_format: Literal["text", "json"] = "text"
    """The form of these lines: words, or one JSON object each."""

    scoring_timeout: Annotated[
        Annotated[float, Range(gt=0, le=86400), Duration()] | None, Means("seconds that one call of run may take")
    ] = None
    """Seconds that one call of `run` may take; by default an hour, as on Azure ML."""

    start_timeout: Annotated[float, Range(gt=0, le=86400), Duration()] = 120
    """Seconds that importing the scoring script and `init` may take together."""

    max_body: Annotated[int, Range(ge=1024, le=2**31)] = 16 * 1024 * 1024
    """Bytes that the body of one request may have."""

    @property
    def installs(self) -> Installs | None:
        """A virtual environment gets the pins that this Python does not have. Only those for Linux can be asked for."""
        import platform
        import sys

        if self.python == "current" or sys.platform != "linux":
            return None
        from lading import Installs  # most services score with the running Python

        machine = platform.machine()
        return Installs(platform=f"linux/{_MACHINES.get(machine, machine)}", here=True)
