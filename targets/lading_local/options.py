"""The options of the target `local`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lading import Means, Options, Range, Text


@dataclass(frozen=True)
class LocalOptions(Options):
    host: Annotated[str, Text(min_length=1, max_length=253)] = "127.0.0.1"
    """Address to listen on. The service asks for no password: on an address other than loopback, everybody
    in the network can use it.
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

    scoring_timeout: Annotated[
        Annotated[float, Range(gt=0, le=86400)] | None, Means("seconds that one call of run may take")
    ] = None
    """Seconds that one call of `run` may take; by default an hour, as on Azure ML."""

    start_timeout: Annotated[float, Range(gt=0, le=86400)] = 60
    """Seconds that importing the scoring script and `init` may take together."""

    max_body: Annotated[int, Range(ge=1024, le=2**31)] = 16 * 1024 * 1024
    """Bytes that the body of one request may have."""
