"""What an image installs, and from where."""

from __future__ import annotations

from platform import machine

from lading import Installs, Sources

PARSER = "httptools>=0.6.3"
"""The scoring server parses HTTP with it."""

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # in Docker's words


def installs(platform: str | None, sources: Sources) -> Installs:
    """What an image installs. Without a platform it is for this machine's processor, as a local engine builds it."""
    return Installs(platform or f"linux/{_MACHINES.get(machine(), machine())}", (PARSER,), sources)
