"""Docker's create options, in the form that edgeAgent stores in a module's settings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from lading import Json

CHUNK = 512  # characters: the length that edgeAgent uses
MAX_CHUNKS = 100
_KEY = re.compile(r"createOptions(\d\d)?")


def split(create_options: Mapping[str, Json]) -> dict[str, str]:
    """The keys and values of the create options: `createOptions`, then `createOptions01` and so on."""
    text = json.dumps(create_options, separators=(",", ":"))
    chunks = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    return {f"createOptions{number:02}" if number else "createOptions": chunk for number, chunk in enumerate(chunks)}


def joined(module: Mapping[str, Json]) -> dict[str, Json]:
    """The create options of a module, desired or reported; empty if they are missing or unreadable."""
    settings = module.get("settings") or {}
    try:
        found = json.loads("".join(str(settings[key]) for key in sorted(settings) if _KEY.fullmatch(key)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def labels(module: Mapping[str, Json]) -> Mapping[str, str]:
    """The labels of a module's container."""
    found = joined(module).get("Labels")
    return found if isinstance(found, dict) else {}


def bindings(create_options: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Each port of the container (`5001/tcp`) with its port of the device; '' if Docker chooses the port."""
    config = create_options.get("HostConfig")
    ports = config.get("PortBindings") if isinstance(config, dict) else None
    for port, places in (ports if isinstance(ports, dict) else {}).items():
        for place in places if isinstance(places, list) else []:
            host_port = place.get("HostPort", "") if isinstance(place, dict) else ""
            yield _with_protocol(port), str(host_port)


def host_port(create_options: Mapping[str, Json], container_port: int) -> str | None:
    """The port of the device for a port of the container; None if it is unknown."""
    found = (host for port, host in bindings(create_options) if port == f"{container_port}/tcp")
    return next(filter(None, found), None)


def _with_protocol(port: str) -> str:
    return port if "/" in port else f"{port}/tcp"
