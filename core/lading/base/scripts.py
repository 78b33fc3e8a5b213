"""Read a Python file of the user without running it: whether it can be read, and the names that it defines."""

from __future__ import annotations

import ast
import symtable
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import decode_source
from pathlib import Path

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# With one of these, a script can define names that its text does not show.
_HIDDEN = {"exec", "eval", "globals", "locals", "vars", "setattr", "modules"}
_HIDDEN |= {"f_globals", "__globals__", "__dict__", "__getattr__"}


def parse_script(file: Path) -> ast.Module:
    """Parse a Python file. Raises ValueError with the place and the reason if it is not Python."""
    try:
        with warnings.catch_warnings(action="ignore"):  # such as an unknown escape sequence, which is legal
            tree = ast.parse(file.read_bytes(), file.name)
            compile(tree, file.name, "exec", dont_inherit=True)  # it finds more faults, such as `return` outside
            return tree
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # also of a parser that gives up
        place = f"{file.name}:{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else file.name
        why = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise ValueError(f"{place} cannot be read as Python: {why}") from None


def script_problem(file: Path, functions: Mapping[str, int]) -> str:
    """The reason why a Python file cannot provide functions, found without running it. Empty if it may provide them.

    `functions` gives the least number of positional arguments of each; a function with 0 must need no argument.
    """
    try:
        tree = parse_script(file)
    except ValueError as error:
        return str(error)
    defined = _defined(file) if _is_open(tree) else functions.keys()
    if lacking := [name for name in functions if name not in defined]:
        return f"{file.name} has no {' and no '.join(f'{name}()' for name in lacking)}"
    return next(_unfit(tree, file, functions), "")


def _defined(file: Path) -> set[str]:
    """The names that a module may define, at its top or by `global` in a function."""
    with warnings.catch_warnings(action="ignore"):
        top = symtable.symtable(decode_source(file.read_bytes()), file.name, "exec")
    tables, found = [top], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {
            symbol.get_name()
            for symbol in table.get_symbols()
            if (table is top or symbol.is_declared_global()) and (symbol.is_assigned() or symbol.is_imported())
        }
    return found


def _is_open(tree: ast.Module) -> bool:
    """Whether the text of a script shows all names that it defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            return False
        if getattr(node, "id", getattr(node, "attr", getattr(node, "name", None))) in _HIDDEN:
            return False
    return True


def _unfit(tree: ast.Module, file: Path, functions: Mapping[str, int]) -> Iterator[str]:
    """The functions that cannot be called with their arguments. A decorator or another binding may change them."""
    last = {node.name: node for node in tree.body if isinstance(node, _FUNCTIONS)}
    for name, count in functions.items():
        node = last.get(name)
        if node is None or node.decorator_list or _is_bound_again(tree, name):
            continue
        arguments, place = node.args, f"{file.name}:{node.lineno}"
        if isinstance(node, ast.AsyncFunctionDef):
            yield f"{place} defines {name}() with async def, and nothing awaits it"
        positional = len(arguments.posonlyargs) + len(arguments.args)
        if count == 0 and (positional > len(arguments.defaults) or None in arguments.kw_defaults):
            yield f"{place} defines {name}() with a required argument"
        elif positional + len(arguments.kwonlyargs) < count and not arguments.vararg:
            yield f"{place} defines {name}() with {positional} of {count} arguments"


def _is_bound_again(tree: ast.Module, name: str) -> bool:
    """Whether something but a `def` of the module itself gives the name a value, such as `run = wrap(run)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.alias) and name in (node.asname, node.name):
            return True
        if isinstance(node, _FUNCTIONS) and node.name == name and node not in tree.body:
            return True
    return False
