"""The gates can fail: each notices a defect in a copy of the product."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.torture.builds import Build, Defect
from tests.torture.gate import Trial
from tests.torture.planted import DURABLE, PLANTED
from tests.torture.planted_socket import PLANTED_SOCKET
from tests.torture.planting import Planted
from tests.torture.registry import GATES
from tests.torture.requirement import require

ALL = [*PLANTED, *PLANTED_SOCKET]


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("planted", ALL, ids=lambda planted: f"{planted.gate}: {planted.defect.name}")
def test_a_gate_notices_a_planted_defect(tmp_path: Path, planted: Planted) -> None:
    gate = GATES[planted.gate]
    require(gate)
    folder = tmp_path / "trial"
    folder.mkdir()
    build = Build.make(tmp_path / "build", planted.defect, *planted.also)
    figures = gate.run(Trial(build, folder, planted.share, focus=planted.focus))
    assert planted.harms & {found.harm for found in figures.found}


def test_a_line_that_does_not_occur_once_is_not_planted(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"durable\.py has 0 times: not there"):
        Build.make(tmp_path / "build", Defect("none", DURABLE, "not there", "gone"))


def test_every_planted_line_is_in_the_product_once() -> None:
    defects = [defect for planted in ALL for defect in (planted.defect, *planted.also)]
    assert {defect.name: _count(defect) for defect in defects} == {defect.name: 1 for defect in defects}


def _count(defect: Defect) -> int:
    spec = find_spec(defect.file.partition("/")[0])
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parents[1] / defect.file).read_text(encoding="utf-8").count(defect.line)


def test_every_gate_has_a_planted_defect() -> None:
    assert {planted.gate for planted in ALL} == set(GATES)
