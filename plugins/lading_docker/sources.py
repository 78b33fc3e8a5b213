"""What an image installs, and from where."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from lading import Installs, Sources

if TYPE_CHECKING:
    from .options import DockerOptions

PARSER = "httptools>=0.6"
"""The scoring server parses HTTP with it."""

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # in Docker's words


def installs(options: DockerOptions) -> Installs:
    """What the image installs. Without a platform it is this machine's processor, as a local engine has it."""
    machine = platform.machine()
    sources = Sources(options.index_url, options.extra_index_urls, options.trusted_hosts, options.wheels)
    return Installs(options.platform or f"linux/{_MACHINES.get(machine, machine)}", (PARSER,), sources)
