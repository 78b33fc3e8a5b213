"""Run the conformance kit on gates: three follow every rule, others break some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.core.conformance_kit import kit

from lading.testing import GateConformance

KIT = """\
from lading.testing import GateConformance


class TestNotworse(GateConformance):
    plugin = "notworse"
    metrics = {"error": 2.0}


class TestApproval(GateConformance):
    plugin = "approval"
    options = {"variable": "APPROVED", "require": {"r2": ">= 0.5"}}


class TestClosed(GateConformance):
    plugin = "closed"


class TestPresuming(GateConformance):
    plugin = "presuming"


class TestGreedy(GateConformance):
    plugin = "greedy"


class TestMoody(GateConformance):
    plugin = "moody"


class TestTalkative(GateConformance):
    plugin = "talkative"


class TestFalse(GateConformance):
    plugin = "false"


class TestFailing(GateConformance):
    plugin = "failing"
"""
FAILED = {
    "Presuming": {"a_first_deploy_is_answered"},
    "Greedy": {"an_update_is_answered"},
    "Moody": {"the_same_request_has_the_same_answer"},
    "Talkative": {"hooks_print_nothing", "hooks_do_not_sleep"},
    "Failing": {"a_first_deploy_is_answered", "an_update_is_answered"},
    "False": {"a_first_deploy_is_answered", "an_update_is_answered"},
}


def test_a_gate_that_refuses_every_update_is_not_proved() -> None:
    update = {"request": "update", "first": False, "answers": ["Refused: it is Sunday"] * 2}
    other = {**update, "request": "update by a finished model"}
    with pytest.raises(pytest.skip.Exception, match=r"refused every request.*gate_options or gate_environ"):
        GateConformance().test_an_update_is_answered({"answers": [update, other], "error": None})
    passed = {**other, "answers": ["passed"] * 2}
    GateConformance().test_an_update_is_answered({"answers": [update, passed], "error": None})


@pytest.mark.slow
def test_the_kit_names_the_rule_that_a_gate_breaks(tmp_path: Path, install: Callable[[str], Path]) -> None:
    file = tmp_path / "test_gates_of_strangers.py"
    file.write_text(KIT)
    told = kit(file, PYTHONPATH=f"{install('thirdparty')}:{install('leaky')}:{install('notworse')}")
    groups = {each["group"].removeprefix("Test") for each in told}
    assert groups == {"Notworse", "Approval", "Closed", *FAILED}
    failed = {
        name: {each["check"] for each in told if each["group"] == f"Test{name}" and each["outcome"] == "failed"}
        for name in groups
    }
    assert {name: checks for name, checks in failed.items() if checks} == FAILED
    assert all(each["reason"] for each in told if each["outcome"] != "passed")
