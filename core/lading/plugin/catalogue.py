"""What the installed plugins say of themselves: a target's options, the manifest's schema, a finished model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import model
from ..errors import LadingError
from ..manifest import options_schema, schema
from .bound import BoundPlugin, bind
from .discovery import GROUPS, installed, permitted

if TYPE_CHECKING:
    from ..model import Json, Options

_BLOCKS = frozenset(("train", "package", "image", "connection", "target", "observer", "gate"))  # of a manifest
DEFAULT_TRAINER = "sklearn"  # describes a finished model, of which the manifest names no trainer


def describe_model(file: Path) -> model.TrainedModel:
    """What a finished model file says of itself; it is read, and never loaded."""
    return bind("train", DEFAULT_TRAINER).inspect(model.InspectRequest(file))


def describe_target(name: str) -> dict[str, Json]:
    """A target's summary, capabilities, and the JSON Schema of its options."""
    plugin = bind("target", name)
    return {
        "target": name,
        "summary": plugin.description.summary,
        "distribution": f"{plugin.installed.distribution} {plugin.installed.version}",
        "capabilities": sorted(plugin.description.capabilities),
        "options": options_schema(plugin.description.options),
    }


def manifest_schema() -> tuple[dict[str, Json], tuple[str, ...]]:
    """The JSON Schema of a manifest for what is installed, and a note on each plugin that is broken."""
    found: dict[str, dict[str, type[Options]]] = {}
    notes = []
    for plugin in filter(permitted, (plugin for group in GROUPS for plugin in installed(group))):
        try:
            bound = BoundPlugin(plugin)
        except LadingError as error:
            notes.append(error.message)
            continue
        for role in _BLOCKS.intersection(bound.roles):
            found.setdefault(role, {})[plugin.name] = bound.description.options
    return schema(found), tuple(notes)
