"""`lading logs` with a time, a release and JSON, on the target `local`."""

from __future__ import annotations

import json

import pytest
from tests.conftest import Shell
from tests.waiting import eventually

from lading.base.log_lines import record

NOW = "2026-01-02T03:04:05"


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (
            f"{NOW}.123Z POST /score 200 ms=1.500 bytes=21 release=3 id=a-b trace=c",
            {"time": f"{NOW}.123Z", "method": "POST", "path": "/score", "status": 200, "ms": 1.5, "bytes": 21}
            | {"release": 3, "id": "a-b", "trace": "c"},
        ),
        (f"{NOW}Z [12] release 1 is ready", {"time": f"{NOW}Z", "text": "[12] release 1 is ready"}),
        ('{"time": "t", "id": "x"}', {"time": "t", "id": "x"}),
        ("{not json", {"text": "{not json"}),
        ('{"score": NaN}', {"text": '{"score": NaN}'}),
        ('{"score": 1e999}', {"text": '{"score": 1e999}'}),
        (
            f"{NOW}Z GET / 200 ms=1.5 bytes=2 release=blue id=-",
            {"time": f"{NOW}Z", "method": "GET", "path": "/"}
            | {"status": 200, "ms": 1.5, "bytes": 2, "release": "blue", "id": "-"},
        ),
        ("[1]", {"text": "[1]"}),
        ("{" * 5000, {"text": "{" * 5000}),
        ("", {"text": ""}),
    ],
)
def test_a_line_becomes_a_record(line: str, fields: dict[str, object]) -> None:
    assert record(line) == fields


@pytest.mark.slow
def test_logs_are_json_lines_of_a_time_and_a_release(salary: Shell) -> None:
    salary("deploy", "manifests/salary.yaml")
    salary("score", "manifests/salary.yaml", "-d", '{"data": [[21]]}')

    def scored() -> list[dict[str, object]]:
        text = salary("logs", "manifests/salary.yaml", "--json", "--since", "10m", "--release", "1").out
        records = [json.loads(line) for line in text.splitlines()]
        return [each for each in records if each.get("path") == "/score" and each["release"] == 1]

    assert {each["status"] for each in eventually(scored, "a line of a request")} == {200}
    assert "releases with a log: 1" in salary("logs", "manifests/salary.yaml", "--release", "9", code=2).err
    assert salary("logs", "manifests/salary.yaml", "--since", "1d").out.count("is ready") == 1
    assert salary("logs", "manifests/salary.yaml", "--since", "36500d").out.count("is ready") == 1
    assert "is longer than a century" in salary("logs", "manifests/salary.yaml", "--since", "9999999d", code=2).err
