"""The query language of IoT Hub, as far as metrics, target conditions and lists of devices need it.

    SELECT * | COUNT() [AS n] | path [AS name], ... FROM devices | devices.modules [WHERE condition]

A condition compares paths with values by `=`, `!=`, `<>`, `<`, `<=`, `>`, `>=` and `IN [...]`, or tests
`IS_DEFINED(path)`. `AND`, `OR`, `NOT` and brackets combine conditions. `[[name]]` quotes a segment of a path. With a
missing value, `=` and `!=` are both false.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from offline_azure.state import Record

Condition = Callable[[Record], bool]
Operand = Callable[[Record], Any]

ABSENT = object()
ROOTS = {
    "deviceId",
    "moduleId",
    "etag",
    "version",
    "status",
    "connectionState",
    "tags",
    "properties",
    "capabilities",
    "configurations",
    "deviceScope",
}
TOKENS = re.compile(
    r"""\s*(?:
        (?P<number>-?\d+(?:\.\d+)?)(?![\w$])
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<word>(?:[A-Za-z_$][\w$]*|\[\[[^\[\]]+\]\])(?:\.(?:[A-Za-z_$][\w$]*|\[\[[^\[\]]+\]\]))*)
      | (?P<sign><=|>=|!=|<>|[=<>(),*\[\]])
    )""",
    re.VERBOSE,
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LITERALS = {"true": True, "false": False, "null": None}


class QueryError(Exception):
    """The hub does not accept the query."""


@dataclass(frozen=True)
class Query:
    """A query. `columns` are the selected paths by name, empty for `*`. `count` is the name of a count."""

    modules: bool
    columns: dict[str, Operand]
    count: str
    where: Condition

    def rows(self, twins: Iterable[Record]) -> list[Record]:
        """The result for the twins of all devices, or of all modules."""
        found = [twin for twin in twins if self.where(twin)]
        if self.count:
            return [{self.count: len(found)}]
        if not self.columns:
            return found
        return [self._row(twin) for twin in found]

    def _row(self, twin: Record) -> Record:
        values = {name: read(twin) for name, read in self.columns.items()}
        return {name: value for name, value in values.items() if value is not ABSENT}


def parse_query(text: str) -> Query:
    """Parse a query. Raises QueryError."""
    parser = _Parser(text)
    query = parser.query()
    parser.end()
    return query


def parse_condition(text: str) -> Condition:
    """Parse a target condition; `*` means all devices. Raises QueryError."""
    if text.strip() == "*":
        return lambda _: True
    parser = _Parser(text)
    condition = parser.either()
    parser.end()
    return condition


class _Parser:
    """A recursive descent parser over a list of kinds and texts."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = TOKENS.match(text, position)
            if match is None or match.lastgroup is None:
                raise QueryError(f"unexpected character at position {position}: {text[position : position + 20]!r}")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self._next = 0

    def query(self) -> Query:
        self._expect("select")
        columns, count = self._selection()
        self._expect("from")
        source = self._take()[1].lower()
        if source not in {"devices", "devices.modules"}:
            raise QueryError(f"unknown collection {source!r}")
        where = self.either() if self._accept("where") else lambda _: True
        return Query(source == "devices.modules", columns, count, where)

    def either(self) -> Condition:
        terms = [self._both()]
        while self._accept("or"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else lambda twin: any(term(twin) for term in terms)

    def end(self) -> None:
        if self._next < len(self._tokens):
            raise QueryError(f"unexpected {self._tokens[self._next][1]!r}")

    def _selection(self) -> tuple[dict[str, Operand], str]:
        if self._accept("*"):
            return {}, ""
        if self._accept("count"):
            self._expect("(")
            self._expect(")")
            return {}, self._alias("Count")
        columns = dict([self._column()])
        while self._accept(","):
            columns.update([self._column()])
        return columns, ""

    def _column(self) -> tuple[str, Operand]:
        kind, text = self._take()
        if kind != "word":
            raise QueryError(f"{text!r} cannot be selected")
        name = self._alias(text)
        if "." in name:
            raise QueryError(f"{text} needs a name: {text} AS ...")
        return name, _path(text)

    def _alias(self, default: str) -> str:
        return self._take()[1] if self._accept("as") else default

    def _both(self) -> Condition:
        terms = [self._negation()]
        while self._accept("and"):
            terms.append(self._negation())
        return terms[0] if len(terms) == 1 else lambda twin: all(term(twin) for term in terms)

    def _negation(self) -> Condition:
        if self._accept("not"):
            negated = self._negation()
            return lambda twin: not negated(twin)
        if self._accept("("):
            inner = self.either()
            self._expect(")")
            return inner
        if self._accept("is_defined"):
            return self._defined()
        return self._comparison()

    def _defined(self) -> Condition:
        self._expect("(")
        read = self._operand()
        self._expect(")")
        return lambda twin: read(twin) is not ABSENT

    def _comparison(self) -> Condition:
        left = self._operand()
        if self._accept("in"):
            return self._membership(left)
        sign = self._take()[1]
        if sign not in COMPARISONS:
            raise QueryError(f"expected a comparison, not {sign!r}")
        return _compared(COMPARISONS[sign], left, self._operand())

    def _membership(self, left: Operand) -> Condition:
        self._expect("[")
        choices = [self._operand()]
        while self._accept(","):
            choices.append(self._operand())
        self._expect("]")
        return lambda twin: any(_compared(operator.eq, left, choice)(twin) for choice in choices)

    def _operand(self) -> Operand:
        kind, text = self._take()
        if kind == "number":
            number = float(text) if "." in text else int(text)
            return lambda _: number
        if kind == "string":
            string = re.sub(r"\\(.)", r"\1", text[1:-1])
            return lambda _: string
        if text.lower() in LITERALS:
            literal = LITERALS[text.lower()]
            return lambda _: literal
        if kind != "word":
            raise QueryError(f"expected a property or a value, not {text!r}")
        return _path(text)

    def _accept(self, text: str) -> bool:
        """Skip the next text if it is this one. Returns whether it is."""
        if self._next < len(self._tokens):
            kind, found = self._tokens[self._next]
            if kind != "string" and found.lower() == text:
                self._next += 1
                return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise QueryError(f"expected {text!r}")

    def _take(self) -> tuple[str, str]:
        if self._next == len(self._tokens):
            raise QueryError("unexpected end")
        self._next += 1
        return self._tokens[self._next - 1]


def _path(text: str) -> Operand:
    names = [name.removeprefix("[[").removesuffix("]]") for name in re.findall(r"\[\[[^\]]+\]\]|[^.]+", text)]
    if names[0] not in ROOTS:
        raise QueryError(f"unknown property {names[0]!r}")

    def read(twin: Record) -> Any:
        found: Any = twin
        for name in names:
            if not isinstance(found, dict) or name not in found:
                return ABSENT
            found = found[name]
        return found

    return read


def _compared(compare: Callable[[Any, Any], bool], left: Operand, right: Operand) -> Condition:
    def holds(twin: Record) -> bool:
        one, other = left(twin), right(twin)
        if one is ABSENT or other is ABSENT:
            return False
        try:
            return compare(one, other)
        except TypeError:  # the hub orders only values of one type
            return False

    return holds
