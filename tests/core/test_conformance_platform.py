"""The conformance kit examines the platform itself. An honest target passes; a mutant fails one check per defect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from tests.core.conformance_kit import kit

from lading.testing import TargetConformance

MODULE = """\
import os
from pathlib import Path

import pytest
from minicloud.cloud import things_of

from lading.testing.fresh import FreshChecks
from lading.testing.things import FlowThings, KillThings


class Mutant:
    patience = 2.0

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory):
        return tmp_path_factory.mktemp("minicloud")

    @pytest.fixture(scope="class")
    @classmethod
    def target_options(cls, folder):
        return {"folder": str(folder)}

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls, folder):
        return lambda service: things_of(folder, service)

"""
FLOW, KILL, FRESH = "FlowThings", "KillThings", "FreshChecks"
MUTANTS = {
    "leaves-candidates": (FLOW, {"a_refused_update_leaves_no_candidate"}),
    "switches-with-gap": (FLOW, {"an_update_loses_no_request"}),
    "leaves-models": (FLOW, {"delete_leaves_nothing"}),
    "all-three": (
        FLOW,
        {"a_refused_update_leaves_no_candidate", "an_update_loses_no_request", "delete_leaves_nothing"},
    ),
    "keeps-earlier-releases": (FLOW, {"an_update_leaves_no_earlier_release"}),
    "doubles-when-killed": (KILL, {"killed_deploys_duplicate_nothing"}),
    "goes-by-number": (FRESH, {"a_second_store_deploys_its_package", "both_stores_show_the_served_package"}),
    "remembers-status": (FRESH, {"both_stores_show_the_served_package"}),
}
"""Each mutant with the checks to run and the checks that must fail."""


@pytest.mark.slow
class TestMinicloud(TargetConformance):
    target = "minicloud"

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("minicloud")

    @pytest.fixture(scope="class")
    @classmethod
    def target_options(cls, folder: Path) -> Mapping[str, str]:
        return {"folder": str(folder)}

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, install: Callable[[str], Path]) -> Mapping[str, str]:
        return {"PYTHONPATH": str(install("minicloud"))}

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls, folder: Path) -> Callable[[str], Iterable[str]]:
        from tests.distributions.minicloud.minicloud.cloud import things_of

        return lambda service: things_of(folder, service)


@pytest.mark.slow
class TestPrivate(TestMinicloud):
    """No HTTP client reaches its addresses."""

    target = "private"


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_fails_in_the_check_of_its_defect(mutant: str, tmp_path: Path, install: Callable[[str], Path]) -> None:
    checks, expected = MUTANTS[mutant]
    file = tmp_path / "test_mutant.py"
    file.write_text(f'{MODULE}\nclass TestMutant(Mutant, {checks}):\n    target = "{mutant}"\n')
    told = kit(file, PYTHONPATH=str(install("minicloud")))
    assert {each["check"] for each in told if each["outcome"] == "failed"} == expected, told
    assert all(each["reason"] for each in told if each["outcome"] != "passed")


@pytest.mark.slow
def test_a_target_that_is_ready_too_early_is_detected(tmp_path: Path, install: Callable[[str], Path]) -> None:
    """It answers Ready while the old model still serves."""
    file = tmp_path / "test_mutant.py"
    file.write_text(f'{MODULE}\nclass TestMutant(Mutant, {FLOW}):\n    target = "ready-too-early"\n')
    told = kit(file, PYTHONPATH=str(install("minicloud")))
    assert "update_keeps_the_uri" in {each["check"] for each in told if each["outcome"] == "failed"}
