"""Compose YAML text into a tree of nodes, with PyYAML's C parser if it is available.

libyaml's own composer recurses in C, so deep nesting crashes the process. Its parser does not recurse. So this module
composes nodes from the parser's events, with limits on depth and number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from yaml import Mark, MarkedYAMLError, Node, ScalarNode, SequenceNode, YAMLError
from yaml.composer import Composer

from ..errors import ManifestError, Problem

if TYPE_CHECKING:
    from ._pure import PureParser as Parser
else:
    try:
        from yaml.cyaml import CParser as Parser
    except ImportError:
        from ._pure import PureParser as Parser

MAX_DEPTH = 64
MAX_VALUES = 40_000
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
TOO_MANY = f"more than {MAX_VALUES} values, aliases expanded: keep data in separate files"
CORE_TAG = "tag:yaml.org,2002:"
UNTAGGED = ""
"""The tag of a plain scalar without a tag. Its type depends on its text."""

# libyaml compares each %TAG with all earlier ones.
_MAX_DIRECTIVES = 16


class _Composer(Composer, Parser):
    def __init__(self, text: str) -> None:
        Parser.__init__(self, text)
        Composer.__init__(self)
        self.depth = 0
        self.values = 0

    def descend_resolver(self, _parent: Any, _index: Any) -> None:
        self.depth += 1
        self.values += 1
        if self.depth > MAX_DEPTH:
            self._refuse(TOO_DEEP)
        if self.values > MAX_VALUES:
            self._refuse(TOO_MANY)

    def _refuse(self, reason: str) -> None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        raise MarkedYAMLError(problem=reason, problem_mark=event.start_mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def resolve(self, kind: type[Node], _value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return f"{CORE_TAG}str" if not implicit[0] else UNTAGGED
        return f"{CORE_TAG}seq" if kind is SequenceNode else f"{CORE_TAG}map"


def compose(text: str, file: str) -> Node:
    """The root node of the single document in `text`. Raises ManifestError with the position where parsing stopped."""
    if len(re.findall(r"(?m)^%", text)) > _MAX_DIRECTIVES:
        raise ManifestError((Problem(file, 0, 0, "", f"more than {_MAX_DIRECTIVES} directives: remove them"),))
    composer = _Composer(text)
    try:
        node: Node | None = composer.get_single_node()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ManifestError((_problem(file, mark, _reason(error, text)),)) from None
    except YAMLError as error:
        raise ManifestError((Problem(file, 0, 0, "", f"not YAML: {error}"),)) from None
    finally:
        composer.dispose()
    if node is None:
        raise ManifestError((Problem(file, 0, 0, "", "empty: a manifest starts with version and name"),))
    return node


def _problem(file: str, mark: Mark | None, reason: str) -> Problem:
    return Problem(file, mark.line + 1, mark.column + 1, "", reason) if mark else Problem(file, 0, 0, "", reason)


def _reason(error: MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    if mark and text[mark.index : mark.index + 1] == "\t":
        return "a tab cannot indent or start a value: use spaces"
    if mark and text[: mark.index + 1].endswith("${"):
        return 'a variable between { } or [ ] needs quotes: "${NAME}"'
    if error.problem == "but found another document":
        return "a second document: a manifest holds one"
    if error.problem in (TOO_DEEP, TOO_MANY):
        return str(error.problem)
    if error.problem == "exceeded maximum nesting depth":  # libyaml has its own limit, and reads ahead
        return TOO_DEEP
    start = error.context_mark
    since = f" {error.context} from line {start.line + 1}" if error.context and start else ""
    return f"not YAML: {error.problem}{since}"
