"""The commands that show what is installed: targets, plugins, and the schema of the manifest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..plugin import discovery as plugins
from . import options, output
from .conformance import plugin_check
from .failure import verbose
from .scaffold import new

# Creates the last columns of a plugin's row from the plugin and its status by the metadata.
Columns = Callable[[plugins.Installed, str], dict[str, object]]
BELOW = ("problem", "hint")  # sentences are too long for a column


@click.group()
def target() -> None:
    """Show the installed targets.

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
@click.argument("name", shell_complete=options.words("target_plugins"))
@options.as_json
@verbose
def target_show(name: str, as_json: bool) -> None:
    """Show what a target is, what it can do, and its options.

    A nested option has dots in its name: `wait.seconds` is a field of the
    record `wait`, `routes[].to` of each item of a list, and `env.NAME.to`
    of each value of a mapping.

    \b
    Example:
      lading target show local
    """
    _show_described(name, target=True, as_json=as_json)


def _show_described(name: str, *, target: bool, as_json: bool) -> None:
    from ..plugin import catalogue
    from .progress import working

    with working(as_json=as_json):
        found = catalogue.describe_plugin(name, target=target)
    if as_json:
        output.document(found)
        return
    output.facts({key: value for key, value in found.items() if key != "blocks"})
    for block in found["blocks"]:
        click.echo(f"\noptions under {block['key']}:")
        _show_options(block["fields"])


def _show_options(fields: list[dict[str, Any]]) -> None:
    rows = [
        {
            "option": field["option"],
            "type": field["type"],
            "default": "(required)" if field["required"] else _default(field["default"]),
            "allowed": field["allowed"],
            "meaning": field["meaning"],
        }
        for field in fields
    ]
    output.table(rows, empty="it takes no options")


def _default(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


@click.group()
def plugin() -> None:
    """Show or check plugins, or create one.

    \b
    Examples:
      lading plugin list
      lading plugin show sklearn
      lading plugin new acme
    """


plugin.add_command(new)
plugin.add_command(plugin_check)


@plugin.command("show")
@click.argument("name", shell_complete=options.words("plugins"))
@options.as_json
@verbose
def plugin_show(name: str, as_json: bool) -> None:
    """Show what a plugin is, what it can do, and the options of its blocks.

    NAME is the name in a manifest, or DISTRIBUTION:NAME. If a plugin and a
    target have the same name, `lading target show` shows the target. Nested
    options have dots in their names, as in `lading target show`.

    \b
    Examples:
      lading plugin show sklearn
      lading plugin show lading-acme:acme --json
    """
    _show_described(name, target=False, as_json=as_json)


@plugin.command("list")
@click.option("--probe", is_flag=True, help="Import each plugin in a separate process, and show its description.")
@click.option(
    "--timeout",
    type=options.Seconds(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a probe may take to import a plugin, such as 30 or 1m.",
)
@options.as_json
@verbose
def plugin_list(probe: bool, timeout: float, as_json: bool) -> None:
    """List every plugin, from the metadata of its distribution alone.

    The name is the one that a manifest uses. It is DISTRIBUTION:NAME if two distributions offer the same name: of the
    two, the plain name is Lading's own. The status is `installed`, `restricted` if it may not be loaded, or `offered
    twice` if the plain name means no single plugin. With --probe an installed plugin is `working` or `broken`; the
    reason and the remedy are below the table.

    \b
    Examples:
      lading plugin list
      lading plugin list --probe
    """
    found = tuple(plugin for group in plugins.GROUPS for plugin in plugins.installed(group))
    _show(found, as_json=as_json, group=True, columns_of=_probe(timeout, as_json=as_json) if probe else _status_only)


def _probe(timeout: float, *, as_json: bool) -> Columns:
    """Probe a plugin, and return everything found or only the usual columns."""
    from ..plugin.probing import probe

    def row(plugin: plugins.Installed, status: str) -> dict[str, object]:
        found = {} if status == "restricted" else probe(plugin, timeout=timeout)
        if found and status == "installed":
            status = "broken" if found["problem"] else "working"
        shown = {name: found.get(name) for name in ("api", "roles", "capabilities", "hooks", "problem")}
        return {"status": status, **shown, **(found if as_json else {"hint": found.get("hint")})}

    return row


def _status(plugin: plugins.Installed) -> str:
    if not plugins.permitted(plugin):
        return "restricted"
    return "offered twice" if plugins.is_doubled(plugin) else "installed"


def _status_only(_plugin: plugins.Installed, status: str) -> dict[str, object]:
    return {"status": status}


def _show(
    found: tuple[plugins.Installed, ...], *, as_json: bool, group: bool = False, columns_of: Columns = _status_only
) -> None:
    rows = [
        {
            **({"group": plugin.group} if group else {}),
            "name": plugins.name_in_manifest(plugin),
            "distribution": plugin.distribution,
            "version": plugin.version,
            **columns_of(plugin, _status(plugin)),
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

    It has the options of every installed plugin. A broken plugin is left out, with a note.

    \b
    Example:
      lading schema > lading.schema.json
    """
    click.echo(manifest_schema())


def manifest_schema() -> str:
    """The JSON Schema of a manifest as text, with a note on stderr for each plugin that is left out."""
    from ..plugin import catalogue
    from .progress import working

    with working():
        found, notes = catalogue.manifest_schema()
    for note in notes:
        click.echo(f"note: {note}", err=True)
    return output.as_text(found)
