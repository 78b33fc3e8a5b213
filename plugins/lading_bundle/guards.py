"""Find the imports in a syntax tree, with the conditions under which they run."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import NamedTuple

Statement = ast.Import | ast.ImportFrom
_BROAD = {"Exception", "BaseException"}
_CAUGHT = {"ImportError", "ModuleNotFoundError", *_BROAD}
_TESTS = {"version_info", "find_spec"}  # of an `if` around an import that may be missing
_ENDS = ("sys.exit", "exit", "quit", "os._exit")
_IMPORTERS = ("importlib.import_module", "import_module", "__import__")
_REQUESTS = ("init", "run")  # of a scoring script
_BEFORE = (ast.Assign, ast.AnnAssign, ast.Expr, ast.Global, ast.Nonlocal)
# The nodes and the names of a condition whose value is known without running the script.
_KNOWN = (
    ast.Expression, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Attribute, ast.Name, ast.Subscript,
    ast.Slice, ast.Tuple, ast.expr_context, ast.cmpop, ast.boolop, ast.Not, ast.USub,
)  # fmt: skip
_VALUES = {
    "__builtins__": {},
    "__name__": "entry_module",
    "TYPE_CHECKING": False,
    "typing": SimpleNamespace(TYPE_CHECKING=False),
    "sys": SimpleNamespace(version_info=sys.version_info),
    "version_info": sys.version_info,
}
_ATTRIBUTES = {"TYPE_CHECKING", "version_info", "major", "minor", "micro"}


class Conditional(NamedTuple):
    """An import. It runs unless all imports of a group in `unless` succeed, and only if all in `given` succeed."""

    node: Statement
    unless: tuple[tuple[Statement, ...], ...] = ()
    given: tuple[Statement, ...] = ()


def conditional_imports(node: ast.AST) -> Iterator[Conditional]:
    """The imports in a tree that must succeed. Those that may fail without harm are left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Statement):
            yield Conditional(child)
        elif isinstance(child, ast.Try | ast.TryStar) and _excuses(child, _CAUGHT):
            yield from _tried(child)
        elif isinstance(child, ast.If):
            yield from _branches(child)
        elif isinstance(child, ast.With) and any(_mentions(item, _CAUGHT) for item in child.items):
            continue
        elif isinstance(child, ast.FunctionDef) and isinstance(node, ast.Module) and child.name in _REQUESTS:
            yield from _of_request(child)
        else:
            yield from _called(child)
            yield from conditional_imports(child)


def _within(nodes: Sequence[ast.AST]) -> Iterator[Conditional]:
    return conditional_imports(ast.Interactive(list(nodes)))  # type: ignore[arg-type]


def _called(node: ast.AST) -> Iterator[Conditional]:
    """The import that a call such as `importlib.import_module("numpy")` is."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
        return
    if not _mentions(node.func, {"import_module", "__import__"}) or ast.unparse(node.func) not in _IMPORTERS:
        return
    first = next(iter((*node.args, *(each.value for each in node.keywords if each.arg == "name"))), None)
    name = first.value if isinstance(first, ast.Constant) else None
    if isinstance(name, str) and all(part.isidentifier() for part in name.split(".")):
        yield Conditional(ast.Import([ast.alias(name)], lineno=node.lineno))


def _tried(node: ast.Try | ast.TryStar) -> Iterator[Conditional]:
    """The imports of a `try` that catches ImportError. Without an import in it, those of its handlers are left out."""
    body = tuple(one.node for one in _within(node.body) if not (one.unless or one.given))
    for handler in node.handlers if body else ():
        yield from (one._replace(unless=(*one.unless, body)) for one in _within(handler.body))
    yield from (one._replace(given=(*one.given, *body)) for one in _within(node.orelse))
    yield from _within(node.finalbody)


def _branches(node: ast.If) -> Iterator[Conditional]:
    value = _value(node.test)
    if value is None and _mentions(node.test, _TESTS):
        return
    if value is None and _mentions(node.test, {"TYPE_CHECKING", "__name__"}):
        value = False
    yield from _within([node.test])
    yield from _within(node.body) if value is not False else ()
    yield from _within(node.orelse) if value is not True else ()


def _value(test: ast.expr) -> bool | None:
    """The value of a condition. None if only running the script shows it.

    Only constants and the names of `_VALUES` are evaluated, without a call, so the script cannot do anything here.
    """
    parts = list(ast.walk(test))
    attributes = {part.attr for part in parts if isinstance(part, ast.Attribute)}
    if not all(isinstance(part, _KNOWN) for part in parts) or not attributes <= _ATTRIBUTES:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # such as `is` with a literal, which is legal
            return bool(eval(compile(ast.Expression(test), "", "eval"), dict(_VALUES)))
    except Exception:  # a name or an attribute that is not known
        return None


def _of_request(function: ast.FunctionDef) -> Iterator[Conditional]:
    """The imports of `run` or `init`. A `try` around all of it answers each error, and makes no import optional."""
    statements = list(function.body)
    while statements and isinstance(statements[-1], ast.Return):
        statements.pop()
    *before, last = statements or [ast.Pass()]
    is_whole = isinstance(last, ast.Try) and all(isinstance(one, _BEFORE) for one in before)
    if not (is_whole and isinstance(last, ast.Try)) or _excuses(last, _CAUGHT - _BROAD, bare=False):
        yield from conditional_imports(function)
        return
    handlers = [one for handler in last.handlers for one in handler.body]
    yield from _within([*before, *last.body, *last.orelse, *last.finalbody, *handlers])


def _excuses(node: ast.Try | ast.TryStar, caught: set[str], *, bare: bool = True) -> bool:
    """Whether a handler takes a failed import, and does not raise again."""
    found = [handler for handler in node.handlers if (handler.type is None and bare) or _catches(handler, caught)]
    return bool(found) and not _leaves(found[0].body)


def _catches(handler: ast.ExceptHandler, caught: set[str]) -> bool:
    return handler.type is not None and _mentions(handler.type, caught)


def _leaves(body: Iterable[ast.stmt]) -> bool:
    """Whether a handler ends the script in each case."""
    return any(
        isinstance(one, ast.Raise)
        or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Call) and ast.unparse(one.value.func) in _ENDS)
        for one in body
    )


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(getattr(part, "id", getattr(part, "attr", None)) in names for part in ast.walk(node))
