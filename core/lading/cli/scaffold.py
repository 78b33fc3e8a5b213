"""`plugin new`: write the project of one plugin. It can be installed, tested and published."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

import click

from .._version import __version__
from ..errors import BadInput
from ..model.description import API_VERSION, Role
from ..plugin import discovery as plugins
from .failure import verbose

_TEMPLATES = Path(__file__).parent / "templates" / "plugin"
_PLACES = {
    "README.md": "README.md",
    "pyproject.toml": "pyproject.toml",
    "gitignore": ".gitignore",
    "test.yml": ".github/workflows/test.yml",
}


@dataclass(frozen=True)
class Kind:
    """A kind of plugin to write: its role, what the plugin does as written, and its name in a manifest.

    `needs` is Lading with the extras that the plugin uses. `shared` is a folder of templates that several kinds use.
    """

    role: Role
    does: str
    block: str
    needs: str = "lading"
    shared: str = ""


_ACCOUNT = "connections:\n  $name: {folder: account}"
KINDS = {
    "target": Kind(
        Role.TARGET,
        "serves a package from a process on this machine",
        "targets:\n  $name: {port: 0}",
        needs="lading[local]",
    ),
    "trainer": Kind(
        Role.TRAIN,
        "fits the mean of a column",
        "train: {plugin: $name, data: sales.csv, column: sales}",
    ),
    "evaluator": Kind(
        Role.EVALUATE,
        "measures the error of a mean",
        'evaluate: {plugin: $name, data: sales.csv, column: sales, require: {mae: "<= 10"}}',
    ),
    "packager": Kind(
        Role.PACKAGE,
        "packs a scoring script and its pins",
        "package: {plugin: $name, scoring_script: score.py}",
    ),
    "registry": Kind(
        Role.REGISTER,
        "keeps model versions in a folder",
        f"register: {{model: sales, to: [$name]}}\n{_ACCOUNT}",
        shared="account",
    ),
    "tracker": Kind(Role.TRACK, "logs runs in a folder", f"track: [$name]\n{_ACCOUNT}", shared="account"),
    "connection": Kind(Role.CONNECTION, "signs in to an account that is a folder", _ACCOUNT, shared="account"),
    "image": Kind(Role.IMAGE, "builds images with Docker or Podman", "image: {plugin: $name}"),
    "observer": Kind(Role.OBSERVER, "appends a line to a file", "observers:\n  - {plugin: $name, file: releases.log}"),
    "gate": Kind(Role.GATE, "stops each deploy while a file exists", "gates:\n  - {plugin: $name, file: freeze.txt}"),
}


@click.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice([*KINDS]),
    default="target",
    show_default=True,
    help="Role of the plugin in a manifest.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to.  [default: lading-NAME]",
)
@verbose
def new(name: str, kind: str, folder: Path | None) -> None:
    """Create the project of a working plugin with tests, to be replaced part by part.

    NAME is the word that a manifest will use.

    \b
    Examples:
      lading plugin new acme
      lading plugin new gong --kind observer --folder ~/src/gong
    """
    _check(name, plugins.group_of(KINDS[kind].role))
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
            f"{taken} is installed already", hint="choose another name, so that manifests can use the plain one"
        )


def _files(name: str, word: str) -> dict[str, str]:
    """The files of the project, by their paths in it."""
    kind, module = KINDS[word], f"lading_{name.replace('-', '_')}"
    words = {
        "name": name,
        "noun": kind.role.noun,
        "does": kind.does,
        "block": Template(kind.block).substitute(name=name),
        "distribution": f"lading-{name}",
        "module": module,
        "title": "".join(map(str.capitalize, name.split("-"))),
        "api": str(API_VERSION),
        "group": plugins.group_of(kind.role),
        "needs": kind.needs,
        "series": _series(),
    }
    rendered = {
        _place(source.name.removesuffix(".template"), module): Template(source.read_text("utf-8")).substitute(words)
        for folder in filter(None, ("common", kind.shared, word))
        for source in sorted((_TEMPLATES / folder).iterdir())
    }
    return {**rendered, f"src/{module}/py.typed": ""}


def _place(name: str, module: str) -> str:
    """The path of a file in the project."""
    return _PLACES.get(name) or (f"tests/{name}" if name.startswith("test_") else f"src/{module}/{name}")


def _series() -> str:
    """The versions of Lading that a plugin allows: from this one up to the next that can change the contract."""
    major, minor = map(int, __version__.split(".")[:2])
    end = f"{major + 1}" if major else f"0.{minor + 1}"
    return f">={major}.{minor},<{end}"
