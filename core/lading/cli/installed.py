"""The commands that look at what is installed: targets, plugins, and the schema that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import click

from .. import plugins
from ..manifest import REFERENCE
from . import options, output
from .conformance import plugin_check
from .failure import verbose
from .scaffold import new


@click.group()
def target() -> None:
    """Look at the targets that are installed.

    \b
    Example:
      lading target list
    """


@target.command("list")
@options.as_json
@verbose
def target_list(as_json: bool) -> None:
    """List the targets that a manifest can name, without importing any.

    \b
    Example:
      lading target list --json
    """
    _show(plugins.installed(plugins.TARGETS), as_json=as_json)


@target.command("show")
@click.argument("name")
@options.as_json
@verbose
def target_show(name: str, as_json: bool) -> None:
    """Show what a target can do, and its options.

    \b
    Example:
      lading target show local
    """
    from .. import catalogue

    found = catalogue.describe_target(name)
    if as_json:
        output.document(found)
        return
    output.facts({key: found[key] for key in ("target", "summary", "distribution", "capabilities")})
    click.echo()
    required = found["options"].get("required", [])
    rows = [
        {
            "option": option,
            "type": " | ".join(dict.fromkeys(_kinds(schema))),
            "default": "(required)" if option in required else schema.get("default"),
            "meaning": _purpose(schema),
        }
        for option, schema in found["options"].get("properties", {}).items()
    ]
    output.table(rows, empty="it takes no options")


def _kinds(schema: dict[str, Any]) -> Iterator[str]:
    """The types, or the choices, of an option; that a variable may stand for any of them goes without saying."""
    if "anyOf" in schema:
        for variant in schema["anyOf"]:
            if variant.get("pattern") != REFERENCE and variant.get("type") != "null":
                yield from _kinds(variant)
    elif "enum" in schema:
        yield from map(str, schema["enum"])
    else:
        yield str(schema.get("format") or schema.get("type", "object"))


def _purpose(schema: dict[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).split())


@click.group()
def plugin() -> None:
    """Look at the plugins that are installed, or write one.

    \b
    Examples:
      lading plugin list
      lading plugin new pier
    """


plugin.add_command(new)
plugin.add_command(plugin_check)


@plugin.command("list")
@options.as_json
@verbose
def plugin_list(as_json: bool) -> None:
    """List every plugin, from the metadata of its distribution alone.

    \b
    Example:
      lading plugin list
    """
    _show(tuple(found for group in plugins.GROUPS for found in plugins.installed(group)), as_json=as_json, group=True)


def _show(found: tuple[plugins.Installed, ...], *, as_json: bool, group: bool = False) -> None:
    offered = Counter((plugin.group, plugin.name) for plugin in found)
    rows = [
        {
            **({"group": plugin.group} if group else {}),
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "status": "offered twice" if offered[plugin.group, plugin.name] > 1 else "installed",
        }
        for plugin in found
    ]
    if as_json:
        output.document(rows)
    else:
        output.table(rows, empty="none is installed")


@click.command()
@verbose
def schema() -> None:
    """Print the JSON Schema of a manifest, for editors.

    It knows the options of every plugin that is installed; one that is broken is left out, and noted.

    \b
    Example:
      lading schema > lading.schema.json
    """
    from .. import catalogue

    found, notes = catalogue.manifest_schema()
    for note in notes:
        click.echo(f"note: {note}", err=True)
    output.document(found)
