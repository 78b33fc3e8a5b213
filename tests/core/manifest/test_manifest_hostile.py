"""Hostile documents end as problems, as cheaply as a harmless one, within 256 MB, and never crash the process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from tests.core.manifest.hostile_manifests import DOCUMENTS, GROWING, MIB

from lading import InputPath, ManifestError, Options
from lading.manifest import read
from lading.manifest.bind import bind_draft
from lading.manifest.build import Builder
from lading.manifest.rules import twin_of, twins

CHILD = Path(__file__).with_name("manifest_hostile_child.py")
ROOT = Path(__file__).parents[3]
# In units of the largest harmless document. The worst document costs 1.5, and one with quadratic cost over a hundred.
MAX_COST = 10


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_document_is_refused_within_bounds(name: str, tmp_path: Path) -> None:
    text, expected = DOCUMENTS[name]
    file = tmp_path / "lading.yaml"
    file.write_bytes(text.encode())
    (tmp_path / "m.joblib").touch()
    command = [sys.executable, "-W", "error", str(CHILD), str(file)]
    env = {"PYTHONPATH": str(ROOT)}
    child = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=env)
    assert (child.returncode, child.stderr) == (0, "")
    result = json.loads(child.stdout)
    assert any(expected in problem for problem in result["problems"]), result["problems"][:3]
    assert len(result["problems"]) <= 101
    assert result["cost"] < MAX_COST
    assert result["memory"] < 256 * MIB


@pytest.mark.parametrize("name", GROWING)
def test_the_steps_of_a_refusal_grow_with_the_document_and_no_faster(name: str, tmp_path: Path) -> None:
    (tmp_path / "m.joblib").touch()
    steps(tmp_path, GROWING[name](500))  # loads the needed modules
    first, second, third = (steps(tmp_path, GROWING[name](size)) for size in (500, 1_000, 1_500))
    assert third - second <= 1.05 * (second - first)


@pytest.mark.slow
def test_inputs_in_a_union_cost_what_inputs_cost_elsewhere(tmp_path: Path) -> None:
    plain, either = (seconds(tmp_path, hint) for hint in (InputPath, InputPath | Mapping[str, InputPath]))
    assert either < 4 * plain


def seconds(folder: Path, member: Any) -> float:
    """The CPU time for building a long list of such members."""
    started = time.process_time()
    Builder(folder).build(tuple[member, ...], ["file"] * 40_000)
    return time.process_time() - started


def steps(folder: Path, text: str) -> int:
    """The number of function calls while a document is refused."""
    file, calls = folder / "lading.yaml", 0
    file.write_text(text)

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        draft = read(file, {})
        same = {ref.path: twin_of(other) for ref, other in twins(draft, {"local": ()}, {})}
        bind_draft(draft, {ref.path: same.get(ref.path, Options) for ref in draft.sections()})
    except ManifestError:
        return calls
    finally:
        sys.setprofile(None)
    raise AssertionError("it was not refused")
