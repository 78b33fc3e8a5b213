"""Compare the content on a hub with the content that a release was deployed with.

Labels name the package and the release, and stay when somebody edits the rest in the portal. So each release records a
salted digest of every part, and one of them all. A value is hard to guess from it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress

from lading import BadInput, Context, Json, slow_digest

from . import create_options
from .options import IotEdgeOptions

_FACT = "content"
_SHOWN = ("image", "target_condition")
_OPTIONS = {"restartPolicy": "restart_policy", "startupOrder": "startup_order"}


def parts(
    module: Mapping[str, Json],
    routes: Mapping[str, Json],
    credential: Mapping[str, Json],
    twin: Mapping[str, Json],
) -> dict[str, Json]:
    """Our content in parts, each under the name of its option. `credential` is that of our registry, and `twin` has the
    desired properties of the module.
    """
    settings = module.get("settings") or {}
    found: dict[str, Json] = {"image": settings.get("image"), "create_options": create_options.joined(module)}
    found |= {f"env.{name}": value for name, value in (module.get("env") or {}).items()}
    found |= {f"routes.{name}": route for name, route in routes.items()}
    found |= {f"twin.{name}": value for name, value in twin.items()}
    found |= {f"registry.{name}": value for name, value in credential.items()}
    others = {name: value for name, value in module.items() if name not in ("settings", "env")}
    return found | {_OPTIONS.get(name, name): value for name, value in others.items()}


def remember(context: Context, release: str, content: Mapping[str, Json], place: str) -> None:
    """Record the digests of the parts that a release was deployed with, and its place: `DEVICE/MODULE`, or ''."""
    salt = secrets.token_hex(16)
    digests = {name: _digest(salt, value) for name, value in content.items()}
    kept = {"release": release, "place": place, "salt": salt, "whole": _digest(salt, content), "parts": digests}
    context.record(_FACT, json.dumps(kept))


def lost_labels(context: Context, module: Mapping[str, Json], place: str) -> str | None:
    """The release of a module whose labels somebody removed with its create options; None if it is not ours.

    It is at the place of our release, still has its image, and no label of Lading.
    """
    kept = json.loads(context.recorded(_FACT) or "{}")
    if kept.get("place") != place or any(name.startswith("lading.") for name in create_options.labels(module)):
        return None
    image = (module.get("settings") or {}).get("image")
    same = _digest(kept["salt"], image) == kept["parts"].get("image")
    return str(kept["release"]) if same else None


def routes(context: Context) -> list[str]:
    """The names of the routes that the release was deployed with."""
    kept = json.loads(context.recorded(_FACT) or "{}")
    return [name.removeprefix("routes.") for name in kept.get("parts", {}) if name.startswith("routes.")]


def changed(context: Context, release: str, content: Mapping[str, Json]) -> dict[str, str]:
    """The parts that differ from those of the release, in words. Empty for a release of another store."""
    kept = json.loads(context.recorded(_FACT) or "{}")
    if kept.get("release") != release or _digest(kept["salt"], content) == kept["whole"]:
        return {}
    salt, before = kept["salt"], kept["parts"]
    found = {name: "added on the hub" for name in content if name not in before}
    for name, digest in before.items():
        if name not in content:
            found[name] = "removed on the hub"
        elif _digest(salt, content[name]) != digest:
            found[name] = "changed on the hub" + (f" to {content[name]}" if name in _SHOWN else "")
    return found


def rotated(options: IotEdgeOptions, context: Context, credential: Mapping[str, Json]) -> dict[str, str]:
    """The credentials of the registry whose variables have other values now. Variables that are not set are skipped."""
    return {
        f"registry.{name}": "secret changed"
        for name, value in _values(options, context)
        if credential.get(f"registry.{name}") != value
    }


def _values(options: IotEdgeOptions, context: Context) -> Iterator[tuple[str, str]]:
    registry = options.registry
    for name, variable in (("username", registry.username), ("password", registry.password)) if registry else ():
        with suppress(BadInput):
            yield name, context.secret(variable).reveal()


def _digest(salt: str, value: Json) -> str:
    return slow_digest(json.dumps(value, sort_keys=True), salt=salt)
