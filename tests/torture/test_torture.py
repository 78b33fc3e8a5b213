"""A sample of every gate has no findings."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.torture.builds import Build
from tests.torture.gate import Trial
from tests.torture.registry import GATES
from tests.torture.requirement import require


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return Build.make(tmp_path_factory.mktemp("build"))


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", GATES)
def test_a_sample_of_each_gate_has_no_findings(build: Build, tmp_path: Path, name: str) -> None:
    require(GATES[name])
    figures = GATES[name].run(Trial(build, tmp_path, share=0.03))
    assert figures.tried > 1
    assert figures.found == ()
