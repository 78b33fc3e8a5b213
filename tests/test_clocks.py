"""No test depends on the speed of the machine: no time is bounded in seconds, and every wait has a long limit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "time"}
LAST = {"communicate", "eventually", "join", "result", "settimeout", "wait"}
NAMED = {"HTTPConnection", "check_call", "check_output", "create_connection", "run", "urlopen"} | LAST
"""Functions that wait up to a limit, given as the last argument or by name."""
SHORTEST = 60

# The exceptions, each a file with its reason: their subject is time.
EXCEPTIONS = {
    "waiting.py": "the one that waits",
    "benchmarks": "measures, and compares with a baseline in the same run",
    "torture": "reports times of whole runs; its gates give their own reasons",
}


def problems(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and any(_bounds_a_clock(compare) for compare in _compares(node.test)):
            yield node.lineno, "bounds a time: compare steps, an order, or a ratio to something in the same process"
        if isinstance(node, ast.Call):
            for limit in _limits(node):
                if limit < SHORTEST:
                    yield node.lineno, f"waits {limit:g} s at most: use LIMIT or eventually() of tests/waiting.py"


def _compares(node: ast.AST) -> Iterator[ast.Compare]:
    return (found for found in ast.walk(node) if isinstance(found, ast.Compare))


def _bounds_a_clock(compare: ast.Compare) -> bool:
    """Whether a clock must stay below a number or a moment. A ratio to another time is allowed."""
    sides = [compare.left, *compare.comparators]
    pairs = zip(sides, compare.ops, sides[1:], strict=False)
    ordered = (
        (left, right) if isinstance(op, ast.Lt | ast.LtE) else (right, left)
        for left, op, right in pairs
        if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
    )
    return any(_reads_a_clock(smaller) and not isinstance(larger, ast.BinOp) for smaller, larger in ordered)


def _reads_a_clock(node: ast.AST) -> bool:
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr in CLOCKS) == ("time", True)
        for call in ast.walk(node)
    )


def _limits(call: ast.Call) -> Iterator[float]:
    """The numbers that limit a wait."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    written = [keyword.value for keyword in call.keywords if name in NAMED and keyword.arg in {"timeout", "seconds"}]
    for value in [*written, *(call.args[-1:] if name in LAST else ())]:
        if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
            yield float(value.value)


def test_no_test_depends_on_the_speed_of_the_machine() -> None:
    found = [
        f"{file.relative_to(TESTS)}:{line}: {problem}"
        for file in sorted(TESTS.rglob("*.py"))
        if not EXCEPTIONS.keys() & {file.name, *file.relative_to(TESTS).parts}
        for line, problem in problems(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("assert time.monotonic() - start < 5", True),
        ("assert 0.3 <= time.process_time() - start < 10", True),
        ("assert end > time.time()", True),
        ("assert time.monotonic() - start >= 4", False),  # a slower machine only adds to it
        ("assert time.process_time() - start < 10 * harmless()", False),
        ("child.communicate(timeout=10)", True),
        ("sock.settimeout(0.5)", True),
        ("eventually(holds, 'it', 5)", True),
        ("child.wait(timeout=LIMIT)", False),
        ("Behaviour('pull', seconds=0.2)", False),
    ],
)
def test_a_bound_on_a_clock_is_found(line: str, is_one: bool) -> None:
    assert bool(list(problems(ast.parse(line)))) is is_one
