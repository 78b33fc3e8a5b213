"""The observer `eventlog`: its lines, and that lines of several processes never mix."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Shell
from tests.waiting import LIMIT

from lading import Event, EventKind
from lading_eventlog.record import log_record

MakeProject = Callable[..., Shell]

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from lading import Event
from lading_eventlog import EventlogOptions, lading_observe
file, name = sys.argv[1:]
for number in range(200):
    fields = {"number": number}
    event = Event(kind="progress", at=datetime.now(UTC), service=name, detail=name * 20000, fields=fields)
    lading_observe(event=event, options=EventlogOptions(file=Path(file)))
"""


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_deploy_line_by_line(make_project: MakeProject) -> None:
    shell = make_project("{plugin: eventlog, file: logs/events.jsonl, events: [stage.finished, release.up]}")
    (shell.folder / "logs").mkdir()
    shell("deploy")
    file = shell.folder / "logs" / "events.jsonl"
    written = lines(file)
    assert [line["event_name"] for line in written] == [*["lading.stage.finished"] * 3, "lading.release.up"]
    assert written[0]["attributes"]["lading.metrics"] == {"cost": 7.0}
    up = written[-1]
    assert up["body"] == "release 1"
    assert up["attributes"] == {
        "lading.stage": "deploy",
        "deployment.environment.name": "roll",
        "lading.release": 1,
        "lading.model": "rate",
        "lading.model_version": 1,
        "lading.metrics": {"cost": 7.0},
        "lading.previous": None,
    }
    assert (up["severity_text"], up["severity_number"]) == ("INFO", 9)
    assert up["resource"] == {"service.name": "price"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_lines_are_added_and_everything_is_written_by_default(make_project: MakeProject, tmp_path: Path) -> None:
    shell = make_project("{plugin: eventlog, file: events.jsonl}")
    shell("train")
    before = lines(shell.folder / "events.jsonl")
    shell.write("cost.txt", "-1")
    shell.folder, manifest = tmp_path, shell.folder / "lading.yaml"
    shell("train", manifest, code=2)  # from another folder: the path is relative to the manifest
    after = lines(manifest.with_name("events.jsonl"))
    assert after[: len(before)] == before
    failed = after[-1]
    assert (failed["event_name"], failed["severity_text"]) == ("lading.stage.failed", "ERROR")
    times = [line["time_unix_nano"] for line in after]
    assert times == sorted(times)
    assert "c4n4ry" not in manifest.with_name("events.jsonl").read_text()


def test_processes_never_mix_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, file, name]) for name in "abcd"]
    assert [writer.wait(LIMIT) for writer in writers] == [0] * 4
    written = lines(file)
    for name in "abcd":
        own = [line for line in written if line["resource"]["service.name"] == name]
        assert [line["attributes"]["lading.number"] for line in own] == list(range(200))
        assert all(line["body"] == name * 20000 for line in own)


def test_a_file_that_cannot_be_written_is_named(make_project: MakeProject) -> None:
    reasons = {"nowhere/events.jsonl": "no such file or directory", ".": "is a directory"}
    if Path("/dev/full").exists():  # Linux
        reasons["/dev/full"] = "no space left on device"
    shell = make_project(*(f"{{plugin: eventlog, file: {file}}}" for file in reasons))
    err = shell("train").err
    for file, reason in reasons.items():
        assert f"warning: observer 'eventlog': {shell.folder / file} cannot be written: {reason}" in err


@given(
    st.sampled_from(get_args(EventKind)),
    st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),
    st.text(),
    st.dictionaries(
        st.text(max_size=9), st.none() | st.integers() | st.text() | st.floats(allow_nan=False), max_size=3
    ),
)
def test_every_event_is_one_line_and_loses_nothing(
    kind: EventKind, at: datetime, detail: str, fields: dict[str, Any]
) -> None:
    record = log_record(
        Event(kind=kind, at=at, service="price", stage="train", target="roll", detail=detail, fields=fields)
    )
    text = json.dumps(record)
    assert len(text.splitlines()) == 1
    assert json.loads(text) == record
    assert record["body"] == (detail or kind)
    assert record["time_unix_nano"] % 1000 == 0
    assert datetime.fromtimestamp(record["time_unix_nano"] // 10**9, UTC) == at.replace(microsecond=0)
    assert {name: record["attributes"][f"lading.{name}"] for name in fields if name != "stage"} == {
        name: value for name, value in fields.items() if name != "stage"
    }


def test_a_delete_is_written(make_project: MakeProject) -> None:
    shell = make_project("{plugin: eventlog, file: events.jsonl, events: [release.deleted]}")
    shell("deploy")
    shell("delete")
    (line,) = lines(shell.folder / "events.jsonl")
    assert (line["event_name"], line["body"]) == ("lading.release.deleted", "price")


@pytest.mark.parametrize(
    ("observer", "reason"),
    [
        ('{plugin: eventlog, file: "${NOT_SET}"}', "the environment variable NOT_SET is not set"),
        ("{plugin: whistle}", "whistle"),
        ("{plugin: eventlog, colour: red}", "colour"),
    ],
)
def test_a_delete_goes_on_without_observers_that_cannot_be_bound(
    make_project: MakeProject, observer: str, reason: str
) -> None:
    shell = make_project("{plugin: eventlog, file: events.jsonl}")
    shell("deploy")
    file = shell.folder / "lading.yaml"
    file.write_text(file.read_text().replace("{plugin: eventlog, file: events.jsonl}", observer))
    err = shell("delete").err
    assert "the observers are left out" in err
    assert reason in err
    assert "is not on" in shell("delete").err
