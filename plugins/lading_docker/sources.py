"""The packages that an image installs, and their sources."""

from __future__ import annotations

from platform import machine

from lading import Installs, Sources

PARSER = "httptools>=0.6.3"
"""The HTTP parser of the scoring server."""

EXPOSITION = "prometheus-client>=0.20"
"""The library with which the scoring server writes its metrics."""

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # Docker's names


def installs(platform: str | None, sources: Sources, *, own_base: bool) -> Installs:
    """The packages that an image installs. By default it is built for this machine's processor, as local engines do."""
    return Installs(
        platform=platform or f"linux/{_MACHINES.get(machine(), machine())}",
        adds=(PARSER,),
        sources=sources,
        has_wheels=True,
        without_git="" if own_base else "name a `base` image that has git, such as python:3.11, or a wheel",
    )
