"""The table of promises: every gate and test that it names exists, and it names every gate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.conftest import ROOT

PAGES = (ROOT / "docs" / "reliability.md", ROOT / "tests" / "torture" / "README.md")
TEXT = PAGES[0].read_text(encoding="utf-8")
ROWS = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("| ") and "](../tests/" in line]
TORTURE = ROOT / "tests" / "torture"


def _gates() -> dict[str, Path]:
    """The file of each gate. The source is read, because the gates import tools that are not always installed."""
    found = {}
    for file in TORTURE.glob("*.py"):
        for name in re.findall(r'\bGate\(\s*"([\w-]+)"', file.read_text(encoding="utf-8")):
            found[name] = file
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)", page.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_row_has_a_promise_a_proof_a_test_and_figures() -> None:
    assert len(ROWS) > 20
    for row in ROWS:
        promise, proof, held_by, last_run, _ = (cell.strip() for cell in row)
        assert promise
        assert proof
        assert "](../tests/" in held_by, promise
        assert last_run, promise


def test_the_table_has_each_gate_once_with_its_file() -> None:
    linked = re.findall(r"gate \[`([\w-]+)`\]\((\.\./[\w/.]+)\)", TEXT)
    assert {name: (ROOT / "docs" / file).resolve() for name, file in linked} == _gates()
    assert len(linked) == len(_gates())


def test_the_registry_has_each_gate() -> None:
    imports = (TORTURE / "registry.py").read_text(encoding="utf-8").partition("MODULES")[2]
    assert [name for name, file in _gates().items() if f"    {file.stem},\n" not in imports] == []


def test_the_description_and_the_figures_have_each_gate() -> None:
    described = PAGES[1].read_text(encoding="utf-8")
    assert set(re.findall(r"^- \*\*([\w-]+)\*\*", described, re.MULTILINE)) == set(_gates())
    figures = described.partition("## The last figures")[2]
    assert set(re.findall(r"^\| ([a-z]+(?:-[a-z\d]+)*) +\| +\d", figures, re.MULTILINE)) == set(_gates())
