"""The commands that look at what is installed: targets, plugins, and the schema that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import click

from ..manifest import REFERENCE
from ..plugin import discovery as plugins
from . import options, output
from .conformance import plugin_check
from .failure import verbose
from .scaffold import new

# From a plugin and its status by the metadata to the last columns of its row.
Tell = Callable[[plugins.Installed, str], dict[str, object]]
BELOW = ("problem", "hint")  # sentences, which no column of a table has room for


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
    from ..plugin import catalogue
    from .progress import working

    with working(as_json=as_json):
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
@click.option("--probe", is_flag=True, help="Import each, in a process of its own, and show what it says of itself.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a probe may take to import a plugin.",
)
@options.as_json
@verbose
def plugin_list(probe: bool, timeout: float, as_json: bool) -> None:
    """List every plugin, from the metadata of its distribution alone.

    The status is `installed`, `restricted` where it may not be loaded, or
    `offered twice` where two distributions offer the name. With --probe one
    that is installed is found to be `working` or `broken`; why, and what to do
    about it, is below the table.

    \b
    Examples:
      lading plugin list
      lading plugin list --probe
    """
    found = tuple(plugin for group in plugins.GROUPS for plugin in plugins.installed(group))
    _show(found, as_json=as_json, group=True, tell=_probe(timeout, as_json=as_json) if probe else _untold)


def _probe(timeout: float, *, as_json: bool) -> Tell:
    """How a plugin is probed: with all that was found, or with what people look for."""
    from ..plugin.probing import probe

    def row(plugin: plugins.Installed, status: str) -> dict[str, object]:
        found = {} if status == "restricted" else probe(plugin, timeout=timeout)
        if found and status == "installed":
            status = "broken" if found["problem"] else "working"
        shown = {name: found.get(name) for name in ("api", "roles", "capabilities", "hooks", "problem")}
        return {"status": status, **shown, **(found if as_json else {"hint": found.get("hint")})}

    return row


def _status(plugin: plugins.Installed, offered: Counter[tuple[str, str]]) -> str:
    if not plugins.permitted(plugin):
        return "restricted"
    return "offered twice" if offered[plugin.group, plugin.name] > 1 else "installed"


def _untold(_plugin: plugins.Installed, status: str) -> dict[str, object]:
    return {"status": status}


def _show(found: tuple[plugins.Installed, ...], *, as_json: bool, group: bool = False, tell: Tell = _untold) -> None:
    offered = Counter((plugin.group, plugin.name) for plugin in found if plugins.permitted(plugin))
    rows = [
        {
            **({"group": plugin.group} if group else {}),
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            **tell(plugin, _status(plugin, offered)),
        }
        for plugin in found
    ]
    if as_json:
        output.document(rows)
        return
    columns = [{name: value for name, value in row.items() if name not in BELOW} for row in rows]
    output.table(columns, empty="none is installed")
    for row in rows:
        if row.get("problem"):
            click.echo("\n" + "\n  ".join(output.text(row[name]) for name in BELOW if row[name]))


@click.command()
@verbose
def schema() -> None:
    """Print the JSON Schema of a manifest, for editors.

    It knows the options of every plugin that is installed; one that is broken is left out, and noted.

    \b
    Example:
      lading schema > lading.schema.json
    """
    from ..plugin import catalogue
    from .progress import working

    with working():
        found, notes = catalogue.manifest_schema()
    for note in notes:
        click.echo(f"note: {note}", err=True)
    output.document(found)
