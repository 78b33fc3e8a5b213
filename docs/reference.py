"""Writes the reference pages from the code: `python docs/reference.py`. A test compares them with what is committed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lading import Options
from lading.cli.commands import lading
from lading.hooks import BoundPlugin
from lading.manifest import REFERENCE, Register, options_schema
from lading.manifest.core import Core, Recorded, Sample, TargetBlock
from lading.plugins import GROUPS, installed

CORE: dict[str, type[Options]] = {
    "Top level": Core,
    "`register`": Register,
    "Each of `package.samples`": Sample,
    "`package.samples`, recorded": Recorded,
    "Every block of `targets`": TargetBlock,
}
HERE = Path(__file__).parent
GENERATED = "<!-- written by docs/reference.py: change the code, not this page -->"


def pages() -> dict[str, str]:
    """File name to text."""
    return {"cli.md": "\n".join(_cli()) + "\n", "manifest.md": "\n".join(_manifest()) + "\n"}


def _cli() -> Iterator[str]:
    yield f"# Command line\n\n{GENERATED}\n"
    yield "Results go to stdout, progress and messages to stderr. Exit codes:\n"
    yield from _exit_codes()
    yield ""
    for path, command in _commands(lading, "lading"):
        context = click.Context(command, info_name=path)
        yield f"## `{path}`\n\n```text\n{command.get_help(context)}\n```\n"


def _exit_codes() -> Iterator[str]:
    yield "| code | meaning |\n|---|---|"
    for code, meaning in (
        ("0", "done, or nothing to do"),
        ("1", "a bug of Lading"),
        ("2", "bad input: a wrong manifest, an unknown name"),
        ("3", "refused by a safety rule or a gate"),
        ("4", "locked by another command"),
        ("5", "something outside may work later: a full disk, a service that does not answer"),
        ("6", "the target, a plugin or a script failed"),
        ("7", "outcome unknown: run the same command again"),
        ("8", "the new release did not come up; the old one still serves, or serves again"),
        ("10", "`plan --detailed-exitcode`: a deploy would change something"),
        ("130, 143", "interrupted by SIGINT, SIGTERM"),
    ):
        yield f"| {code} | {meaning} |"


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(found, f"{path} {name}")


def _manifest() -> Iterator[str]:
    yield f"# The manifest\n\n{GENERATED}\n"
    yield (HERE / "manifest-intro.md").read_text(encoding="utf-8")
    for title, options in CORE.items():
        yield from _section(f"## {title}", options)
    for plugin in (plugin for group in GROUPS for plugin in installed(group)):
        bound = BoundPlugin(plugin)
        described = ", ".join(f"`{role}`" for role in bound.roles)
        yield f"## Plugin `{plugin.name}`: {described}\n\n{bound.description.summary}\n"
        yield from _section("", bound.description.options)


def _section(heading: str, options: type[Options]) -> Iterator[str]:
    schema = options_schema(options)
    if heading:
        yield f"{heading}\n"
    yield from _table(schema)
    for name, nested in schema.get("$defs", {}).items():
        if nested.get("type") == "object" and options not in CORE.values():
            yield f"### {name}\n"
            yield from _table(nested)


def _table(schema: dict[str, Any]) -> Iterator[str]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not properties:
        yield "It takes no options.\n"
        return
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    for name, item in properties.items():
        if name == "plugin":  # told in the introduction, of every block
            continue
        default = "required" if name in required else _value(item.get("default"))
        meaning = " ".join(item.get("description", "").split()).replace("|", "\\|")
        yield f"| `{name}` | {_kind(item)} | {default} | {meaning} |"
    yield ""


def _value(default: object) -> str:
    return f"`{json.dumps(default)}`" if default not in (None, "", [], {}) else ""


def _kind(item: dict[str, Any]) -> str:
    if "enum" in item or "const" in item:
        return ", ".join(f"`{choice}`" for choice in item.get("enum", [item.get("const")]))
    if "anyOf" in item:
        others = (kind for kind in item["anyOf"] if kind.get("type") != "null" and kind.get("pattern") != REFERENCE)
        kinds = map(_kind, others)
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in item:
        return str(item["$ref"]).rpartition("/")[2]
    inner = item.get("items") or item.get("additionalProperties")
    if isinstance(inner, dict):
        return f"{'list of' if item['type'] == 'array' else 'mapping to'} {_kind(inner)}"
    return "path" if item.get("format") == "path" else str(item.get("type", "any"))


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
