"""The check of the answers of hooks: each part of a record has the type that the contract declares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lading import (
    Column,
    Description,
    GoldenRequest,
    Listing,
    Logs,
    Measured,
    PackedFiles,
    ScoringUri,
    State,
    Status,
    TargetFinding,
    TargetFindings,
    TrainedModel,
)
from lading.model import Verdict
from lading.model.metrics import reserved_name
from lading.plugin.answers import finite, misfit


def test_a_truth_value_is_not_a_number_of_the_contract() -> None:
    assert misfit(Description(summary="", api=True), Description) == "Description.api is bool, not int"
    assert misfit(Verdict(up=True), Verdict) is None
    assert misfit(Column(name="flag", dtype="bool"), Column) is None
    assert misfit(GoldenRequest(request=True, response=False), GoldenRequest) is None


@pytest.mark.parametrize(
    ("kind", "fields", "wrong"),
    [
        (Measured, {"metrics": {}, "plots": ("a.svg",)}, "Measured.plots[0] is str, not Path"),
        (Measured, {"metrics": {"r2": "good"}}, "Measured.metrics['r2'] is str, not float | None"),
        (Measured, {"metrics": {"r2": True}}, "Measured.metrics['r2'] is bool, not float | None"),
        (Measured, {"metrics": {1: 0.5}}, "a key of Measured.metrics is int, not str"),
        (
            Measured,
            {"metrics": {}, "greater_is_better": {"r2": 1}},
            "Measured.greater_is_better['r2'] is int, not bool",
        ),
        (Logs, {"lines": ("one", b"two")}, "Logs.lines[1] is bytes, not str"),
        (Listing, {"objects": ("a string",)}, "Listing.objects[0] is str, not Listed"),
        (
            TargetFindings,
            {"findings": (TargetFinding(message="", hint=1),)},  # type: ignore[arg-type]
            "TargetFinding.hint is int, not str | None",
        ),
        (ScoringUri, {"uri": "http://a", "devices": {"edge": 1}}, "ScoringUri.devices['edge'] is int, not str"),
        (Status, {"state": State.RUNNING, "extra": {"at": [Path()]}}, "Status.extra['at'][0] is PosixPath, not JSON"),
        (Status, {"state": State.RUNNING, "extra": {"at": {1: 2}}}, "a key of Status.extra['at'] is int, not str"),
        (Description, {"summary": "", "api": 1, "libraries": (1,)}, "Description.libraries[0] is int, not str"),
        (
            PackedFiles,
            {"scoring_script": "", "python": "", "requirements": "numpy"},
            "PackedFiles.requirements is str, not tuple[str, ...]",
        ),
    ],
)
def test_the_parts_of_an_answer_are_checked(kind: Any, fields: dict[str, Any], wrong: str) -> None:
    assert misfit(kind(**fields), kind) == wrong


def test_an_answer_that_fits_in_all_its_parts_passes() -> None:
    measured = Measured(metrics={"r2": 1, "mae": None}, greater_is_better={"r2": True}, plots=(Path("a.svg"),))
    assert misfit(measured, Measured) is None
    parameters = {"grid": [1, 2.5, None, {"deep": ("a", False)}]}
    made = TrainedModel(file=Path("m"), framework="f", framework_version="1", parameters=parameters, reads=None)
    assert misfit(made, TrainedModel) is None


def test_json_that_contains_itself_does_not_pass() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert misfit(Status(state=State.RUNNING, extra={"all": endless}), Status) == "Status is nested too deeply"


def test_a_number_that_is_not_finite_becomes_none_at_any_depth() -> None:
    numbers = {"a": float("nan"), "b": [1, float("-inf"), {"c": 10**400}], "d": "nan", "e": True}
    status = Status(state=State.RUNNING, extra=numbers)
    assert finite(status, Status).extra == {"a": None, "b": [1, None, {"c": None}], "d": "nan", "e": True}


def test_a_connection_is_not_copied() -> None:
    connection = Status(state=State.RUNNING, extra={"a": float("nan")})
    assert finite(connection, object) is connection


@pytest.mark.parametrize("name", ["verdict", "compared_with", "compared.r2"])
def test_a_metric_cannot_have_the_name_of_a_result(name: str) -> None:
    assert reserved_name({"r2": 1.0, name: 0.5}) == name


@pytest.mark.parametrize("name", ["compared", "verdicts", "r2.compared.x"])
def test_a_metric_can_have_a_similar_name(name: str) -> None:
    assert reserved_name({name: 0.5}) is None
