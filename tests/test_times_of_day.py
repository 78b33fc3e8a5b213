"""No duration is a difference of two times of day: the clock of a machine may be set meanwhile."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from tests.conftest import ROOT

NOW = {("datetime", "now"), ("datetime", "utcnow"), ("time", "time"), ("time", "time_ns")}

# The exceptions, each a file with its reason: another machine or process has given the other time.
EXCEPTIONS = {
    "core/lading/base/headers.py": "an answer that asks to wait until a date, and has none itself",
    "core/lading/cli/services.py": "`--since` asks for the times of log lines",
    "core/lading/store/durable.py": "sets the time of a file back",
    "core/lading/store/garbage.py": "the age of a file in days",
    "core/lading/testing/probe.py": "asks for the log since a time",
    "plugins/lading_serving/access.py": "gives log lines a time of day",
    "targets/lading_azureml_online/deploying.py": "Azure has the time at which a deployment was made",
    "targets/lading_container/health.py": "the engine has the time at which a container was started",
    "targets/lading_iotedge/failing.py": "finds out that the clock is wrong",
    "targets/lading_iotedge/signing.py": "Azure has the time at which a signature expires",
}


def differences(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and _reads_the_time(node):
            yield node.lineno


def _reads_the_time(node: ast.AST) -> bool:
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr) in NOW
        for call in ast.walk(node)
    )


def test_no_duration_is_a_difference_of_two_times_of_day() -> None:
    found: dict[str, list[int]] = {}
    for folder in ("core", "plugins", "targets"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if lines := list(differences(ast.parse(file.read_text(encoding="utf-8")))):
                found[file.relative_to(ROOT).as_posix()] = lines
    assert found.keys() == EXCEPTIONS.keys(), found


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("left = (deadline - datetime.now(UTC)).total_seconds()", True),
        ("end = datetime.now(UTC) + timedelta(seconds=9)", True),
        ("end = time.time() + 9", True),
        ("end = time.monotonic() + 9", False),
        ("created = datetime.now(UTC)", False),
    ],
)
def test_a_difference_is_found(line: str, is_one: bool) -> None:
    assert bool(list(differences(ast.parse(line)))) is is_one
