"""`plugin new`: a project of a plugin's own, which is installed, tested and published by itself."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

import click

from .._version import __version__
from ..errors import BadInput
from ..plugin import discovery as plugins
from .failure import verbose

_TEMPLATES = Path(__file__).parent / "templates" / "plugin"
_COMMON = {
    "pyproject.toml.template": "pyproject.toml",
    "gitignore.template": ".gitignore",
    "test.yml.template": ".github/workflows/test.yml",
}
_FOLDERS = {"README": "", "test_": "tests/"}  # where a template goes by how its name begins; else with the plugin


@click.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["target", "stage", "observer"]),
    default="target",
    show_default=True,
    help="What it is: a place to deploy to, a trainer, or one that is told what happens.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write it.  [default: lading-NAME]",
)
@verbose
def new(name: str, kind: str, folder: Path | None) -> None:
    """Write the project of a plugin that works and passes its tests, for you to replace part by part.

    NAME is the word that a manifest will use.

    \b
    Examples:
      lading plugin new pier
      lading plugin new gong --kind observer --folder ~/src/gong
    """
    _check(name, plugins.TARGETS if kind == "target" else plugins.PLUGINS)
    root = folder or Path(f"lading-{name}")
    if root.exists() and any(root.iterdir()):
        raise BadInput(f"{root} is not empty", hint="name another folder with --folder")
    for path, content in _files(name, kind).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
        click.echo(f"wrote {root / path}", err=True)
    click.echo(f"next: cd {root} && pip install -e '.[test]' && pytest", err=True)


def _check(name: str, group: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > 24:
        raise BadInput(
            f"'{name}' cannot be the name of a plugin",
            hint="use lower-case letters, digits and dashes, beginning with a letter, at most 24 in all",
        )
    taken = next((plugin for plugin in plugins.installed(group) if plugin.name == name), None)
    if taken is not None:
        raise BadInput(
            f"{taken} is installed already", hint="choose another name: a manifest could not tell them apart"
        )


def _files(name: str, kind: str) -> dict[str, str]:
    """The files of the project, by their paths in it."""
    module = f"lading_{name.replace('-', '_')}"
    words = {
        "name": name,
        "kind": kind,
        "distribution": f"lading-{name}",
        "module": module,
        "title": "".join(map(str.capitalize, name.split("-"))),
        "version": __version__,
        "group": plugins.TARGETS if kind == "target" else plugins.PLUGINS,
        "needs": "lading[local]" if kind == "target" else "lading",
        "extras": "testing,local" if kind == "stage" else "testing",
    }
    paths = {_TEMPLATES / "common" / source: path for source, path in _COMMON.items()}
    for source in sorted((_TEMPLATES / kind).iterdir()):
        plain = source.name.removesuffix(".template")
        where = next((place for start, place in _FOLDERS.items() if plain.startswith(start)), f"src/{module}/")
        paths[source] = where + plain
    rendered = {path: Template(source.read_text(encoding="utf-8")).substitute(words) for source, path in paths.items()}
    return {**rendered, f"src/{module}/py.typed": ""}
