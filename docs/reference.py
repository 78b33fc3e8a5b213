"""Writes the reference pages from the code: `python docs/reference.py`. A test compares them with what is committed."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import click

import lading
from lading import Options
from lading.cli.commands import lading as command_line
from lading.manifest import REFERENCE, NoWorseThan, Register, RegisterSchema
from lading.manifest.core import Core, EvaluateBlock, ImageBlock, Recorded, Sample, TargetBlock
from lading.manifest.json_schema import options_schema
from lading.manifest.rollout import Rollout
from lading.plugin.bound import BoundPlugin
from lading.plugin.discovery import GROUPS, installed
from lading.plugin.spec import HOOKS
from lading_serving.alone import serve

CORE: dict[str, type[Options]] = {
    "Top level": Core,
    "`evaluate`": EvaluateBlock,
    "`evaluate.no_worse_than`": NoWorseThan,
    "`register`": Register,
    "`register.schema`": RegisterSchema,
    "Each of `package.samples`": Sample,
    "`package.samples`, recorded": Recorded,
    "`image`": ImageBlock,
    "Every block of `targets`": TargetBlock,
    "`rollout` of a target": Rollout,
}
HERE = Path(__file__).parent
SOURCES = [HERE.parent / name for name in ("core", "plugins", "targets")]
CHAPTERS = ("intro", "options", "errors", "identity", "deploy", "package", "roles")
"""The parts of the page of hooks that people write, each in a file `hooks-NAME.md`, in their order. A line
`<!-- examples/NAME.py -->` stands for that file, which is linted, type-checked and used by tests.
"""
FOR_USERS = ("lading.python.", "lading.plugin.catalogue", "lading.engine.")
"""The modules of the public functions that take a manifest, a store or the name of a plugin."""
GENERATED = "<!-- written by docs/reference.py: change the code, not this page -->"


def pages() -> dict[str, str]:
    """File name to text."""
    pages = {"cli.md": _cli(), "manifest.md": _manifest(), "hooks.md": _hooks(), "architecture-modules.md": _modules()}
    return {name: "\n".join(blocks) + "\n" for name, blocks in pages.items()}


def _cli() -> Iterator[str]:
    yield f"# Command line\n\n{GENERATED}\n"
    yield "Results go to stdout, progress and messages to stderr. Exit codes:\n"
    yield from _exit_codes()
    yield ""
    for path, command in _commands(command_line, "lading"):
        context = click.Context(command, info_name=path)
        yield f"## `{path}`\n\n```text\n{command.get_help(context)}\n```\n"


def _modules() -> Iterator[str]:
    yield f"# The modules\n\n{GENERATED}\n"
    yield "One sentence for each module, from its docstring. [architecture.md](architecture.md) shows the packages.\n"
    folders = [file.parent for source in SOURCES for file in sorted(source.rglob("__init__.py"))]
    for folder in folders:
        modules = [file for file in sorted(folder.glob("*.py")) if file.name != "__init__.py"]
        yield f"## `{folder.relative_to(HERE.parent)}`\n\n{_purpose(folder / '__init__.py')}\n"
        if modules:
            yield "| module | purpose |\n|---|---|"
            yield from (f"| `{file.stem}` | {_purpose(file)} |" for file in modules)
            yield ""


def _purpose(module: Path) -> str:
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")


def _exit_codes() -> Iterator[str]:
    yield "| code | meaning |\n|---|---|"
    for code, meaning in (
        ("0", "done, or nothing to do"),
        ("1", "a bug of Lading"),
        ("2", "bad input: a wrong manifest, an unknown name"),
        ("3", "refused by a safety rule or a gate"),
        ("4", "locked by another command"),
        ("5", "a temporary failure outside Lading: a full disk, a service that does not answer"),
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
        for role, options in bound.description.role_options.items():
            yield from _section(f"### `{role}` by `{plugin.name}`", options)


def _hooks() -> Iterator[str]:
    yield f"# Hooks\n\n{GENERATED}\n"
    yield from map(_chapter, CHAPTERS)
    for hook in HOOKS.values():
        yield from _hook(hook)
    yield "## Types\n\nThese types are names of `lading`. A type with fields is a frozen dataclass.\n"
    yield "`OptionsT_co` stands for the options type of your plugin: write `DeployRequest[AcmeOptions]`, and"
    yield "`request.deployment.options` has that type. A request without brackets has `Options`.\n"
    for kind in sorted(_kinds(HOOKS.values()), key=lambda kind: kind.__name__):
        yield from _type(kind)
    yield from _functions()


def _functions() -> Iterator[str]:
    """The public functions that a hook may use: all but those for the users of a manifest."""
    yield "## Functions\n\nNames of `lading`, but for the last one. A plugin may use them.\n"
    for name in dir(lading):
        found = getattr(lading, name)
        if inspect.isfunction(found) and not found.__module__.startswith(FOR_USERS):
            yield from _function(found)
    for kind in (lading.Command, lading.Finished, lading.Reads):
        yield from _type(kind)
    yield "A target starts `lading_serving.foreground`. If its platform restarts and replaces the process itself, its"
    yield "program may call this function of `lading_serving.alone`:\n"
    yield from _function(serve)


def _function(function: Callable[..., object]) -> Iterator[str]:
    shown = re.sub(r"<function <lambda>[^>]*>", "…", _signature(function))
    yield f"### `{function.__name__}`\n\n```text\n{function.__name__}{shown}\n```\n\n{inspect.getdoc(function)}\n"


def _chapter(name: str) -> str:
    """A chapter, with the code of its examples."""
    text = (HERE / f"hooks-{name}.md").read_text(encoding="utf-8")
    return re.sub(r"^<!-- (examples/\w+\.py) -->$", _example, text, flags=re.MULTILINE)


def _example(found: re.Match[str]) -> str:
    return f"```python\n{(HERE / found[1]).read_text(encoding='utf-8')}```"


def _hook(hook: Callable[..., object]) -> Iterator[str]:
    """One hook: its signature as the heading, its docstring as the text, its types as links."""
    signature = _signature(hook).removesuffix(" | None")  # it is an error, which the page does not offer
    purpose, example, returns, history = re.split(r"\n+(?:Example|Returns|History):\n", inspect.getdoc(hook) or "")
    yield f"## `{hook.__name__}{signature}`\n\n{purpose}\n"
    links = (f"[`{kind.__name__}`](#{kind.__name__.lower()})" for kind in _named(str(signature)))
    yield f"Types: {', '.join(links)}.\n"
    code = (line[4:] for line in inspect.cleandoc(example).splitlines())  # without the prompts
    yield f"```python\n{chr(10).join(code)}\n```\n"
    yield f"Returns: {inspect.cleandoc(returns)}\n"
    yield f"History: {inspect.cleandoc(history)}.\n"


def _signature(function: Callable[..., object]) -> str:
    """As it is written, without the quotes that annotations have at run time."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))


def _named(text: str) -> Iterator[type]:
    """The public types of Lading that an annotation names; a union by its parts."""
    for name in re.findall(r"\w+", text):
        found = getattr(lading, name, None) if name in dir(lading) else None
        if isinstance(found, UnionType):
            yield from get_args(found)
        elif isinstance(found, type) and found is not Any and not issubclass(found, Exception):
            yield found


def _kinds(hooks: Iterable[Callable[..., object]]) -> set[type]:
    """The types that cross hooks, and those that they are made of."""
    known: set[type] = set()
    waiting = [kind for hook in hooks for kind in _named(_signature(hook))]
    while waiting:
        kind = waiting.pop()
        if kind not in known:
            known.add(kind)
            waiting += _named(_shape(kind))
    return known


def _type(kind: type) -> Iterator[str]:
    yield f"### {kind.__name__}\n"
    doc = inspect.getdoc(kind) or ""
    if not doc.startswith(f"{kind.__name__}("):  # what a dataclass is given that has none
        yield f"{doc}\n"
    if shape := _shape(kind):
        yield f"```text\n{shape}\n```\n"


def _shape(kind: type) -> str:
    """The choices of an enumeration, the fields of a record, or the members of what the framework gives."""
    if issubclass(kind, Enum):
        return " | ".join(repr(member.value) for member in kind)
    if is_dataclass(kind):
        return "\n".join(f"{field.name}: {field.type}{_default(field)}" for field in fields(kind))
    members = ((name, member) for name, member in vars(kind).items() if not name.startswith("_"))
    return "\n".join(_member(name, member) for name, member in members)


def _default(field: Field[Any]) -> str:
    if field.default_factory is not MISSING:
        return f" = {field.default_factory()!r}"
    if field.default is MISSING:
        return ""
    return f" = {getattr(field.default, '__name__', repr(field.default))}"


def _member(name: str, member: Any) -> str:
    purpose = (inspect.getdoc(member) or "").partition("\n")[0]
    if isinstance(member, property):
        shown = f"{name}: {inspect.signature(member.fget).return_annotation}"  # type: ignore[arg-type]
    else:
        shown = f"{name}{_signature(member)}".replace("(self, ", "(").replace("(self)", "()")
    return f"{shown}  # {purpose}" if purpose else shown


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
