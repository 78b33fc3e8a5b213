"""Convert a tree of YAML nodes to JSON values, and keep the position of each value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from ..errors import ManifestError, Problem
from ..model import Json
from .compose import CORE_TAG, MAX_DEPTH, MAX_VALUES, TOO_DEEP, TOO_MANY, UNTAGGED
from .records import Path_
from .scalars import BadScalar, plain_scalar, tagged_scalar
from .source import forbidden
from .words import MAX_PROBLEMS, dotted, quoted

_SCALAR_TAGS = frozenset(CORE_TAG + name for name in ("str", "int", "float", "bool", "null"))
_MERGE_TAG = CORE_TAG + "merge"
# Each 32 characters of a scalar count as one more value. Otherwise aliases of one long text could fill the memory.
_TEXT_PER_VALUE = 32
_IN_AN_OPTION = 2  # the length of the path of an option: the block, and its name


class Document:
    """The values of a document (`value`), its YAML problems (`problems`), and the positions of all values.

    A value with a problem is kept as far as it can be read, so that the checks can continue.
    """

    def __init__(self, root: MappingNode, file: str) -> None:
        self._file = file
        self._nodes: dict[Path_, Node] = {}
        self._keys: dict[Path_, Node] = {}
        self._found: dict[tuple[int, int], Problem] = {}
        self._open: set[int] = set()
        self._spent = 0
        self.value: Mapping[str, Json] = self._value(root, ())

    @property
    def problems(self) -> Iterable[Problem]:
        return self._found.values()

    def problem(self, path: Path_, message: str, *, at_key: bool = False) -> Problem:
        """A problem at a value. A block is reported at its key, and an absent value at the block above it."""
        line, column = _place(self._node(path, at_key))
        return Problem(self._file, line, column, dotted(path), message)

    def written(self, path: Path_) -> str | None:
        """A scalar as written in the file, with references to variables."""
        node = self._nodes.get(path)
        return node.value if isinstance(node, ScalarNode) else None

    def _node(self, path: Path_, at_key: bool) -> Node:
        value, key = self._nodes.get(path), self._keys.get(path)
        if key is not None and (at_key or not isinstance(value, ScalarNode)):
            return key
        return value or self._node(path[:-1], at_key=True)

    def _value(self, node: Node, path: Path_) -> Json:
        self._nodes[path] = node
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._enter(node, path)
        try:
            return self._mapping(node, path) if isinstance(node, MappingNode) else self._sequence(node, path)
        finally:
            self._open.discard(id(node))

    def _enter(self, node: Node, path: Path_) -> None:
        if id(node) in self._open:
            self._refuse(node, path, "an alias that refers to itself")
        if len(path) > MAX_DEPTH:
            self._refuse(node, path, TOO_DEEP)
        self._open.add(id(node))
        self._spend(1, node, path)
        if node.tag != CORE_TAG + ("map" if isinstance(node, MappingNode) else "seq"):
            self._report(node, path, f"the tag {quoted(node.tag)} is not allowed: remove it")

    def _scalar(self, node: ScalarNode, path: Path_) -> Json:
        self._spend_text(node, path)
        try:
            value = self._read(node)
        except BadScalar as error:
            self._report(node, path, str(error))
            return node.value
        reason = forbidden(value) if isinstance(value, str) else None
        if reason is None:
            return value
        self._report(node, path, reason)
        return None

    def _read(self, node: ScalarNode) -> Json:
        if node.tag == UNTAGGED:
            return plain_scalar(node.value)
        if node.tag not in _SCALAR_TAGS:
            raise BadScalar(f"the tag {quoted(node.tag)} is not allowed: remove it")
        return tagged_scalar(node.value, node.tag.removeprefix(CORE_TAG))

    def _sequence(self, node: Node, path: Path_) -> list[Json]:
        return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: Node, path: Path_) -> dict[str, Json]:
        value = {}
        for key, (key_node, value_node) in self._pairs(node, path, 0).items():
            self._keys[*path, key] = key_node
            value[key] = self._value(value_node, (*path, key))
        return value

    def _pairs(self, node: Node, path: Path_, merges: int) -> dict[str, tuple[Node, Node]]:
        """The pairs of a mapping, then the merged pairs whose keys it does not have."""
        pairs: dict[str, tuple[Node, Node]] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                merged += self._merged(value_node, path, merges)
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in pairs:
                first = pairs[key][0].start_mark.line + 1
                self._report(key_node, (*path, key), f"duplicate key (the first is at line {first})")
            else:
                pairs[key] = key_node, value_node
        for other in merged:
            self._spend(1 + len(other.value), other, path)
            for key, pair in self._pairs(other, path, merges + 1).items():
                pairs.setdefault(key, pair)
        return pairs

    def _merged(self, node: Node, path: Path_, merges: int) -> list[Node]:
        if merges > MAX_DEPTH:
            self._refuse(node, path, TOO_DEEP)
        others = node.value if isinstance(node, SequenceNode) else [node]
        if all(isinstance(other, MappingNode) for other in others):
            return list(others)
        self._report(node, (*path, "<<"), "<< merges a mapping, or a list of mappings")
        return []

    def _key(self, node: Node, path: Path_) -> str | None:
        if not isinstance(node, ScalarNode):
            self._report(node, path, "a key must be text, and not a list or a mapping")
            return None
        self._spend_text(node, path)
        key = self._key_text(node, is_inside=len(path) >= _IN_AN_OPTION)
        reason = forbidden(node.value) or (f"quote it, {quoted(node.value)}" if key is None else None)
        if reason is None:
            return key
        self._report(node, path, f"a key must be text: {reason}")
        return None

    def _key_text(self, node: ScalarNode, *, is_inside: bool) -> str | None:
        """A key as text. Inside the value of an option, a number or a boolean is a key too. None for another one."""
        try:
            key = self._read(node)
        except BadScalar:
            return None
        if isinstance(key, str):
            return key
        if not is_inside or key is None:
            return None
        return str(key).lower() if isinstance(key, bool) else str(key)

    def _spend_text(self, node: ScalarNode, path: Path_) -> None:
        self._spend(1 + len(node.value) // _TEXT_PER_VALUE, node, path)

    def _spend(self, values: int, node: Node, path: Path_) -> None:
        self._spent += values
        if self._spent > MAX_VALUES:
            self._refuse(node, path, TOO_MANY)

    def _report(self, node: Node, path: Path_, message: str) -> None:
        if len(self._found) <= MAX_PROBLEMS:
            line, column = _place(node)
            self._found.setdefault((line, column), Problem(self._file, line, column, dotted(path), message))

    def _refuse(self, node: Node, path: Path_, message: str) -> NoReturn:
        line, column = _place(node)
        raise ManifestError((Problem(self._file, line, column, dotted(path), message),))


def load(root: Node, file: str) -> Document:
    """Load the document under a root node. Raises ManifestError if it is not a mapping, or expands too far."""
    if isinstance(root, MappingNode):
        return Document(root, file)
    line, column = _place(root)
    raise ManifestError((Problem(file, line, column, "", "a manifest is a mapping: start with version and name"),))


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _is_merge(node: Node) -> bool:
    return node.tag == _MERGE_TAG or (node.tag == UNTAGGED and node.value == "<<")
