"""Hostile documents end as problems within a second and 256 MB, and never crash the process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.core.manifest.hostile_manifests import DOCUMENTS, MIB

CHILD = Path(__file__).with_name("manifest_hostile_child.py")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_document_is_refused_within_bounds(name: str, tmp_path: Path) -> None:
    text, expected = DOCUMENTS[name]
    file = tmp_path / "lading.yaml"
    file.write_bytes(text.encode())
    (tmp_path / "m.joblib").touch()
    command = [sys.executable, "-W", "error", str(CHILD), str(file)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (child.returncode, child.stderr) == (0, "")
    result = json.loads(child.stdout)
    assert any(expected in problem for problem in result["problems"]), result["problems"][:3]
    assert len(result["problems"]) <= 101
    assert result["seconds"] < 1
    assert result["memory"] < 256 * MIB
