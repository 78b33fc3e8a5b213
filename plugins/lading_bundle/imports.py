"""The imports of a scoring script, found without running it."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .wrong import Wrong

# The server provides these, or a server that the target adds does.
_PROVIDED = ("azureml", "azureml_inference_server_http", "inference_schema")
_CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_TESTS = {"TYPE_CHECKING", "version_info", "find_spec", "__name__"}  # of an `if` around an import


class Imported(NamedTuple):
    """A module that a script imports, with dots, and the line."""

    module: str
    script: Path
    line: int

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.script.name}:{self.line} imports {self.module}"


def imports_of(script: Path, own: Iterable[Path]) -> list[Imported]:
    """The imports of a script, and of the project's own files that it imports, without the standard library.

    An import is left out if it can fail without harm: under `try` with ImportError, or under TYPE_CHECKING. `own` are
    the files and folders that lie beside the script in the package. Raises Wrong for a script that is not Python.
    """
    places = {path.stem if path.is_file() else path.name: path for path in (script, *own)}
    found: list[Imported] = []
    seen: set[Path] = set()
    todo = [script]
    while todo:
        file = todo.pop()
        seen.add(file)
        for imported in _imports(file):
            place = places.get(imported.top)
            if place is None:
                found.append(imported)
            elif place.suffix == ".py" and place not in seen:
                todo.append(place)
    return [one for one in found if one.top not in sys.stdlib_module_names and one.top not in _PROVIDED]


def _imports(file: Path) -> Iterator[Imported]:
    if not file.is_file():
        raise Wrong(f"{file} is not a file", hint="name a Python file", option="scoring_script")
    try:
        with warnings.catch_warnings(action="ignore"):  # such as an unknown escape sequence, which is legal
            tree = ast.parse(file.read_bytes(), file.name)
    except (SyntaxError, ValueError) as error:
        place = f"{file.name}:{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else file.name
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        raise Wrong(f"{place} cannot be read as Python: {why}", option="scoring_script") from None
    for node in _unguarded(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for name in names if isinstance(node, ast.Import) or not node.level else ():
            yield Imported(name, file, node.lineno)


def _unguarded(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.Try | ast.TryStar) and _catches(child):
            yield from _unguarded(ast.Module(child.finalbody, []))
        elif isinstance(child, ast.If) and _mentions(child.test, _TESTS):
            yield from _unguarded(ast.Module(child.orelse, [])) if _mentions(child.test, {"TYPE_CHECKING"}) else ()
        elif not (isinstance(child, ast.With) and any(_mentions(item, _CAUGHT) for item in child.items)):
            yield from _unguarded(child)


def _catches(node: ast.Try | ast.TryStar) -> bool:
    return any(handler.type is None or _mentions(handler.type, _CAUGHT) for handler in node.handlers)


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(getattr(part, "id", getattr(part, "attr", None)) in names for part in ast.walk(node))
