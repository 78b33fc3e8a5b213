"""The kinds of events: one table with every kind that the engine emits, read by every reporter."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from tests.conftest import ROOT

from lading import EVENT_KINDS, Event, EventKind, NotUp
from lading.cli import output
from lading.cli.failure import show
from lading.cli.progress import JsonLines, LiveLines, Passing, PlainLines
from lading.engine.session.events import Events

CORE = ROOT / "core" / "lading"


def test_the_table_has_each_kind_and_no_other() -> None:
    assert tuple(EVENT_KINDS) == get_args(EventKind)


def test_the_table_has_the_kinds_that_the_core_emits() -> None:
    emitted = [kind for file in CORE.rglob("*.py") for kind in _emitted(ast.parse(file.read_text()))]
    assert set(emitted) == set(EVENT_KINDS)


def _emitted(tree: ast.Module) -> Iterator[str]:
    """The first arguments of all calls of `emit`. For a parameter, the arguments of the function's callers."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        names = [argument.arg for argument in function.args.args]
        for kind in _arguments(function, "emit", 0):
            if isinstance(kind, ast.Name):
                callers = _arguments(tree, function.name, names.index(kind.id))
                yield from (ast.literal_eval(argument) for argument in callers)
            else:
                yield ast.literal_eval(kind)


def _arguments(tree: ast.AST, called: str, position: int) -> Iterator[ast.expr]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute | ast.Name) and ast.unparse(call.func).rpartition(".")[2] == called:
            yield call.args[position]


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_each_reporter_shows_each_kind(
    kind: EventKind, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then shows its spinner, as on a terminal
    event = Event(
        kind=kind, at=datetime.now(UTC), service="salary-svc", stage="deploy", target="local", detail="in detail"
    )
    word = EVENT_KINDS[kind].word or "in detail"
    JsonLines()(event)
    assert json.loads(capsys.readouterr().err)["kind"] == kind
    for reporter in (PlainLines(), LiveLines()):
        reporter(event)
        reporter.close()
        shown = capsys.readouterr().err
        assert shown == "" if kind in reporter.left_out else word in shown
        ended = EVENT_KINDS[kind].ends_stage and EVENT_KINDS[kind].severity != "error"
        assert reporter.done == (["deploy to local"] if ended else [])


def test_the_page_on_observers_has_the_table() -> None:
    page = (ROOT / "docs" / "observers.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| ([\w ]*?) ?\| (\w+) \|", page, re.MULTILINE)
    assert rows == [(kind, meaning.word, meaning.severity) for kind, meaning in EVENT_KINDS.items()]


@pytest.mark.parametrize("event", [{"fields": {"phase": "waiting\nerror: x"}}, {"detail": "waiting\nerror: x"}])
@pytest.mark.parametrize("kind", ["progress", "warning", "stage.finished"])
def test_an_event_is_one_line(capsys: pytest.CaptureFixture[str], kind: EventKind, event: dict[str, Any]) -> None:
    PlainLines()(Event(kind=kind, at=datetime.now(UTC), service="salary-svc", stage="deploy", **event))
    assert capsys.readouterr().err.count("\n") == 1


def test_the_lines_of_a_failure_are_indented(capsys: pytest.CaptureFixture[str]) -> None:
    show(NotUp("salary-svc did not come up: quota\nerror: of the log\n  indented"))
    shown = capsys.readouterr().err.splitlines()
    assert shown[1:] == ["  error: of the log", "  indented"]


def test_a_name_in_a_table_and_a_list_of_facts_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.facts({"metrics": {"r2\nerror": 0.5}})
    output.table([{"metric": "r2\nerror"}], empty="")
    assert capsys.readouterr().out.count("\n") == 3


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def progress_at(times: list[float], said: list[tuple[str, str, str]]) -> list[tuple[float, str, str, str, Any]]:
    """Emit progress at those times. Each has a target, a phase and a detail; returns the time of what was delivered."""
    clock, told = Clock(), []

    def sink(event: Event) -> None:
        fields = event.fields
        told.append((clock.now, event.target, fields["phase"], event.detail, fields["elapsed"]))

    with closing(Events("salary-svc", sink, clock)) as events:
        for clock.now, (target, phase, detail) in zip(times, said, strict=True):
            events.emit("progress", stage="deploy", target=target, detail=detail, phase=phase)
    return told


def test_the_same_progress_is_told_once() -> None:
    times = [tenth / 10 for tenth in range(6410)]
    assert progress_at(times, [("local", "starting", "0 of 1")] * len(times)) == [(0, "local", "starting", "0 of 1", 0)]


def test_a_detail_that_changes_is_told_once_a_second_with_its_newest_value() -> None:
    times = [tenth / 10 for tenth in range(25)]
    told = progress_at(times, [("local", "fitting", f"epoch {number}") for number in range(25)])
    assert [(at, detail, elapsed) for at, _, _, detail, elapsed in told] == [
        (0.0, "epoch 0", 0.0),
        (1.0, "epoch 10", 1.0),
        (2.0, "epoch 20", 2.0),
    ]


def test_progress_that_came_too_early_is_told_when_the_stage_repeats_it() -> None:
    said = [("local", "starting", detail) for detail in ("0 of 2", "1 of 2", "1 of 2")]
    assert [detail for *_, detail, _ in progress_at([0, 0.5, 1.5], said)] == ["0 of 2", "1 of 2"]


def test_a_new_phase_is_told_at_once() -> None:
    said = [("local", phase, "") for phase in ("starting", "checking", "switching")]
    assert [phase for _, _, phase, _, _ in progress_at([0, 0.1, 0.2], said)] == ["starting", "checking", "switching"]


def test_two_phases_in_turn_are_told_once_a_second() -> None:
    times = [tenth / 10 for tenth in range(300)]
    told = progress_at(times, [("local", ("asking", "waiting")[number % 2], "") for number in range(300)])
    assert 30 <= len(told) <= 36


def test_the_elapsed_time_is_that_of_the_stage() -> None:
    said = [("local", phase, "") for phase in ("starting", "starting", "checking", "checking")]
    assert [elapsed for *_, elapsed in progress_at([0, 5, 6, 8], said)] == [0, 6]


def test_the_progress_of_two_targets_is_compared_separately() -> None:
    said = [(target, "starting", "") for target in ("aci", "aks") * 2]
    assert [target for _, target, *_ in progress_at([0, 0.1, 0.2, 0.3], said)] == ["aci", "aks"]


def test_an_address_is_told_once_in_a_command_and_never_late() -> None:
    told: list[Event] = []
    with closing(Events("salary-svc", told.append, Clock())) as events:
        for stage in ("train", "register"):
            events.emit("stage.started", stage=stage)
            for address in ("http://a", "http://b"):
                events.emit("progress", stage=stage, phase="logged", url=address)
    assert [event.fields["url"] for event in told if event.kind == "progress"] == ["http://a", "http://b"]


def test_a_stage_that_starts_again_has_new_phases() -> None:
    told: list[Event] = []
    with closing(Events("salary-svc", told.append, Clock())) as events:
        for _ in range(2):
            events.emit("stage.started", stage="image")
            events.emit("progress", stage="image", phase="building")
    assert [event.kind for event in told] == ["stage.started", "progress"] * 2


def test_other_events_are_never_left_out() -> None:
    told: list[Event] = []
    with closing(Events("salary-svc", told.append, Clock())) as events:
        for _ in range(3):
            events.emit("warning", stage="deploy", detail="the same")
    assert len(told) == 3


def test_a_terminal_shows_how_long_a_phase_lasts() -> None:
    clock = Clock()
    line = Passing("deploy: starting", clock)
    assert str(line.__rich__()) == "deploy: starting"
    clock.now += 12.04
    assert str(line.__rich__()) == "deploy: starting · 12 s"
