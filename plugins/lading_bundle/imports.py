"""The imports of a scoring script, found without running it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lading import parse_script

from .guards import Statement, conditional_imports
from .wrong import Wrong

# The server provides these, or a server that the target adds does.
_PROVIDED = ("azureml", "azureml_inference_server_http", "inference_schema")
_CHANGES_PATH = ("sys.path", "site.addsitedir")


class Imported(NamedTuple):
    """A module that a script imports, with dots, and the line.

    `names` are those behind `from … import`. Each may be a module. `level` is the number of dots before the module.
    The import runs unless all of a group in `unless` succeed, and only if all in `given` succeed.
    """

    module: str
    script: Path
    line: int
    names: tuple[str, ...] = ()
    level: int = 0
    unless: tuple[tuple[Imported, ...], ...] = ()
    given: tuple[Imported, ...] = ()

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.script.name}:{self.line} imports {self.module}"

    def files(self, place: Path | None) -> list[Path]:
        """The files of the project that this import runs. `place` is that of the top module, if it is absolute."""
        folder = self.script.parents[self.level - 1] if self.level else (place or self.script).parent
        files: list[Path] = []
        for part in (*filter(None, self.module.split(".")), None):
            names = self.names if part is None else (part,)
            files += [path for name in names for path in (folder / f"{name}.py", folder / name / "__init__.py")]
            folder = folder / part if part else folder
        return [file for file in files if file.is_file()]


def imports_of(
    scripts: Iterable[Path],
    own: Iterable[Path],
    *,
    within: Iterable[Path] = (),
    option: str = "scoring_script",
) -> list[Imported]:
    """The imports of scripts, and of the project's own files that they import, without the standard library.

    An import is left out if it can fail without harm: under `try` with ImportError, or under TYPE_CHECKING. `own` are
    the files and folders that lie beside the scripts in the package, and `within` are files in these folders that are
    read too. Raises Wrong for a file that is not Python, about the `option` that names the scripts.
    """
    first = list(scripts)
    places = own_places(first, own)
    todo = [*first, *within]
    found: list[Imported] = []
    seen: set[Path] = set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for imported in _imports(file, option if file in first else "include"):
            place = places.get(imported.top)
            if imported.level == 0 and place is None:
                found.append(imported)
            else:
                todo += imported.files(place)
    there = {*places, *sys.stdlib_module_names, *_PROVIDED}
    return [_reduced(one, there) for one in found if one.top not in there and not _is_replaced(one, there)]


def _is_replaced(imported: Imported, there: set[str]) -> bool:
    """Whether an import runs only after the failure of others that cannot fail."""
    return any(not _uncertain(group, there) for group in imported.unless)


def _reduced(imported: Imported, there: set[str]) -> Imported:
    unless = tuple(_uncertain(group, there) for group in imported.unless)
    return imported._replace(unless=unless, given=_uncertain(imported.given, there))


def _uncertain(found: Iterable[Imported], there: set[str]) -> tuple[Imported, ...]:
    return tuple(one for one in found if one.level == 0 and one.top not in there)


def own_places(scripts: Iterable[Path], own: Iterable[Path]) -> dict[str, Path]:
    """The project's own modules by the name that scripts import them by.

    If a script changes `sys.path`, the modules inside the folders of `own` count too.
    """
    scripts, own = list(scripts), list(own)
    folders = [path for path in own if path.is_dir()] if any(map(_changes_path, scripts)) else []
    inside = (path for folder in folders for path in folder.iterdir() if path.suffix == ".py" or path.is_dir())
    return {path.stem if path.is_file() else path.name: path for path in (*inside, *scripts, *own)}


def _changes_path(script: Path) -> bool:
    try:
        nodes = ast.walk(parse_script(script))
    except (OSError, ValueError):  # reported when its imports are read
        return False
    return any(isinstance(node, ast.Attribute) and ast.unparse(node) in _CHANGES_PATH for node in nodes)


def _imports(file: Path, option: str) -> Iterator[Imported]:
    if file.is_dir():
        file = file / "__init__.py"
        if not file.is_file():
            return
    for one in conditional_imports(_tree(file, option)):
        *unless, given = (
            tuple(each for node in group for each in _read(node, file)) for group in (*one.unless, one.given)
        )
        yield from (each._replace(unless=tuple(unless), given=given) for each in _read(one.node, file))


def _read(node: Statement, file: Path) -> Iterator[Imported]:
    names = tuple(alias.name for alias in node.names)
    if isinstance(node, ast.Import):
        yield from (Imported(name, file, node.lineno) for name in names)
    else:
        yield Imported(node.module or "", file, node.lineno, names, node.level)


def _tree(file: Path, option: str) -> ast.Module:
    if not file.is_file():
        raise Wrong(f"{file} is not a file", hint="name a Python file", option=option)
    try:
        return parse_script(file)
    except ValueError as error:
        raise Wrong(str(error), option=option) from None
