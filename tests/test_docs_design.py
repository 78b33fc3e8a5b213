"""The design and the decisions: they match the code, and every decision is in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.conftest import ROOT

from lading import errors
from lading.model.context import Context
from lading.model.description import Capability
from lading.plugin.spec import HOOKS

DOCS = ROOT / "docs"
DESIGN = (DOCS / "design.md").read_text(encoding="utf-8")
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
OTHER_CODES = {0, 1, 10, 130, 143}
"""Exit codes that no class of failure has: success, a bug, a plan with changes, the two signals."""


def test_the_design_is_short() -> None:
    assert DESIGN.count("\n") < 220


def test_the_contract_has_each_hook_with_its_arguments() -> None:
    lines = re.findall(r"^(lading_\w+)\(([^)]*)\)", DESIGN, re.MULTILINE)
    assert sorted(name for name, _ in lines) == sorted(HOOKS)
    for name, arguments in lines:
        code = HOOKS[name].__code__
        assert arguments == ", ".join(code.co_varnames[: code.co_argcount]), name


def test_the_hooks_of_capabilities_are_apart() -> None:
    apart = DESIGN.partition("*capabilities*")[2]
    assert set(re.findall(r"^(lading_\w+)\(", apart, re.MULTILINE)) == {each.hook for each in Capability if each.hook}


def test_the_table_of_the_context_has_each_member() -> None:
    table = DESIGN.partition("`context` gives")[2].partition("## 6.")[0]
    members = {name for name in vars(Context) if not name.startswith("_")}
    assert set(re.findall(r"`(\w+)(?:\([^)]*\))?`(?=[^|]*\|[^|]*\|$)", table, re.MULTILINE)) == members


def test_the_exit_codes_are_those_of_the_code() -> None:
    table = DESIGN.partition("## 6. Exit codes")[2].partition("## 7.")[0]
    listed = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for code in row.split(",")}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = {kind.exit_code for kind in kinds if issubclass(kind, errors.LadingError)}
    assert listed == raised | OTHER_CODES


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem[:4])
def test_a_decision_has_its_parts_and_half_a_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    title = re.match(r"# (\d{4})\. (.+)\n", text)
    assert title is not None
    slug = re.sub(r"[^a-z0-9]+", "-", title[2].lower())
    assert page.name == f"{title[1]}-{slug}.md"
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert text.count("\n") <= 45


def test_the_index_has_each_decision_with_its_title() -> None:
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(\d{4})\]\(([\w-]+\.md)\): (.+)$", index, re.MULTILINE)
    titles = [(page.name[:4], page.name, page.read_text(encoding="utf-8").splitlines()[0][8:]) for page in DECISIONS]
    assert listed == titles
    assert [int(number) for number, _, _ in listed] == list(range(1, len(titles) + 1))
