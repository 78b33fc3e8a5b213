"""`lading plugin check`: the conformance kit as a command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell
from tests.waiting import LIMIT

from lading.testing import RegistryConformance, TargetConformance, TrackerConformance

MANIFEST = """\
version: 1
name: ferry
train: {plugin: crane, data: not-there.txt}
connections: {account: {plugin: harbour, berth: "${BERTH}"}}
targets:
  staging: {plugin: quay, service_name: ferry-two, depth: 9, connection: account}
  vague: {chart: chart.txt, connection: account}
  boastful: {connection: account}
"""


@pytest.fixture
def harbour(shell: Shell, install: Callable[[str], Path]) -> Shell:
    paths = f"{install('harbour')}:{install('leaky')}"
    shell.env |= {"PYTHONPATH": paths, "HARBOUR_PASSWORD": "c4n4ry", "BERTH": "north"}
    shell.env["HARBOUR_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", MANIFEST)
    shell.write("chart.txt", "here")
    return shell


def test_it_says_what_it_would_create_and_does_nothing_without_yes(harbour: Shell) -> None:
    done = harbour("plugin", "check", "--target", "staging", code=3)
    names = r"check-\w{8}-life, check-\w{8}-flow, check-\w{8}-kill"
    assert re.search(f"this creates and deletes on 'quay': {names}\n  --yes allows it", done.err)
    assert done.out == ""
    assert not Path(harbour.env["HARBOUR_LOG"]).exists()
    assert not (harbour.folder / ".lading").exists()


def test_what_is_wrong_with_the_manifest_or_the_plugin_is_told_first(harbour: Shell) -> None:
    assert "has no target 'fog'" in harbour("plugin", "check", "--target", "fog", code=2).err
    assert "does not implement lading_logs" in harbour("plugin", "check", "--target", "boastful", code=6).err
    del harbour.env["BERTH"]
    assert "BERTH is not set" in harbour("plugin", "check", "--target", "staging", code=2).err


def test_without_pytest_the_extra_is_named(harbour: Shell) -> None:
    harbour.write("lacking/sitecustomize.py", "import sys\nsys.modules['pytest'] = None\n")
    path = f"{harbour.folder}/lacking:{harbour.env['PYTHONPATH']}"
    done = harbour("plugin", "check", "--target", "staging", "--yes", code=2, PYTHONPATH=path)
    assert "pip install 'lading[testing]'" in done.err


@pytest.mark.slow
def test_the_card_of_a_target_that_conforms(harbour: Shell) -> None:
    done = harbour("plugin", "check", "--target", "staging", "--yes", "--json")
    card = done.json()
    assert (card["target"], card["distribution"], card["api"]) == ("quay", "lading-harbour 2.1", 1)
    assert card["capabilities"] == ["delete", "keeps_old_release", "scoring_uri", "status"]
    skipped = {(each["check"], each["reason"]) for each in card["checks"] if each["outcome"] == "skipped"}
    assert skipped == {
        ("logs_go_on_from_their_cursor", "declares no logs"),
        ("keys_open_the_service", "declares no keys"),
    }
    assert {each["outcome"] for each in card["checks"]} == {"passed", "skipped"}
    assert len(card["checks"]) > 20
    told = [json.loads(line) for line in done.err.splitlines()]
    assert [each["check"] for each in told[1:]] == [each["check"] for each in card["checks"]]
    assert "ferry" not in Path(harbour.env["HARBOUR_LOG"]).read_text()


@pytest.mark.slow
def test_the_card_of_a_target_that_fails(harbour: Shell) -> None:
    done = harbour("plugin", "check", "--target", "vague", "--yes", code=6)
    (line,) = [line for line in done.out.splitlines() if line.startswith("failed")]
    assert re.fullmatch(r"failed +options_are_documented +options without a docstring: berths", line)
    assert re.search(r"error: 'vague' fails 1 of \d+ checks", done.err)


def test_the_page_tells_every_check() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", page.partition("## What is checked")[2], re.MULTILINE)
    kits = (TargetConformance, RegistryConformance, TrackerConformance)
    checks = {name.removeprefix("test_") for kit in kits for name in dir(kit) if name.startswith("test_")}
    assert sorted(told) == sorted(checks)


def test_pytest_is_imported_for_the_tests_alone() -> None:
    code = "import sys, lading, lading.testing, lading.testing.card; sys.exit('pytest' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=LIMIT)
