"""Describe the installed plugins: a target's options, the manifest's schema, a finished model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .. import model
from ..errors import LadingError, PluginError
from ..manifest import DEFAULT_PLUGINS
from ..manifest.blocks import BY_ROLE
from ..manifest.fields import option_fields
from ..manifest.json_schema import options_schema, schema
from ..model.description import Role
from .bound import BoundPlugin, bind
from .discovery import GROUPS, TARGETS, find, find_any, installed, name_in_manifest, permitted
from .faults import reason, remedy

if TYPE_CHECKING:
    from ..model import Json, Options

DEFAULT_TRAINER = DEFAULT_PLUGINS[Role.TRAIN]  # describes a finished model; then the manifest names no trainer


def describe_model(file: Path) -> model.TrainedModel:
    """Describe a finished model file. The file is inspected, never unpickled."""
    return bind(Role.TRAIN, DEFAULT_TRAINER).inspect(model.InspectRequest(file=file))


def describe_plugin(name: str, *, target: bool = False) -> dict[str, Json]:
    """Describe a plugin: what it is, what it can do, and the options of each manifest block that it reads.

    If a plugin and a target have the same name, the plugin is described, or the target with `target`. The options are
    given as a JSON Schema, and as `fields` that include nested records.
    """
    plugin = BoundPlugin(find(TARGETS, name) if target else find_any(name))
    found, described = plugin.installed, plugin.description
    roles = ("target",) if found.group == TARGETS else plugin.roles
    plugin.require(*roles)
    return {
        "plugin": name_in_manifest(found),
        "summary": described.summary,
        "distribution": found.distribution,
        "version": found.version,
        "group": found.group,
        "api": described.api,
        "roles": list(roles),
        "hooks": list(plugin.hooks),
        "capabilities": sorted(described.capabilities),
        "connection": described.connection,
        "blocks": [
            {"role": str(role), "key": BY_ROLE[role].key, **_options(plugin, role)} for role in roles if role in BY_ROLE
        ],
    }


def _options(plugin: BoundPlugin, role: str) -> dict[str, Json]:
    document = _described(plugin, role)
    return {"options": document, "fields": [asdict(field) for field in option_fields(document)]}


def _described(plugin: BoundPlugin, role: str) -> dict[str, Json]:
    """The JSON Schema of a plugin's options. Raises PluginError if pydantic cannot make one."""
    try:
        return options_schema(plugin.description.options_of(role))
    except Exception as error:  # a type of the plugin may raise any exception here
        raise PluginError(
            f"{plugin.installed} has options that pydantic cannot describe: {reason(error)}",
            hint=remedy(plugin.installed.distribution, error),
        ) from error


def manifest_schema() -> tuple[dict[str, Json], tuple[str, ...]]:
    """The JSON Schema of a manifest for the installed plugins, and a note on each plugin that is left out."""
    found: dict[str, dict[str, type[Options]]] = {}
    notes = []
    for plugin in filter(permitted, (plugin for group in GROUPS for plugin in installed(group))):
        try:
            bound = BoundPlugin(plugin)
            for role in BY_ROLE.keys() & bound.roles:
                _described(bound, role)
        except LadingError as error:
            notes.append(error.message)
            continue
        for role in BY_ROLE.keys() & bound.roles:
            found.setdefault(role, {})[name_in_manifest(plugin)] = bound.description.options_of(role)
    return schema(found), tuple(notes)
