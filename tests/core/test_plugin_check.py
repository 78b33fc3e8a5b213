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

from lading.testing import GateConformance, RegistryConformance, TargetConformance, TrackerConformance

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: not-there.txt}
connections: {account: {plugin: hosting, region: "${REGION}"}}
targets:
  staging: {plugin: roll, service_name: price-two, depth: 9, connection: account}
  vague: {table: table.txt, connection: account}
  boastful: {connection: account}
"""
LOOKS = """\
from pathlib import Path

from minicloud.cloud import things_of


def things(service):
    return things_of(Path({folder!r}), service)
"""
GAP = "declares a gap at the switch, so lost requests cannot be excluded: the old server may stop during a request"
UNPROVED = {
    "things_of_sees_the_service": "the platform agrees with the plugin",
    "deploying_twice_creates_nothing": "the same deploy again creates nothing",
    "an_update_leaves_no_earlier_release": "no earlier release or candidate is left after an update",
    "a_refused_update_leaves_no_candidate": "no candidate is left after a refused update",
    "delete_leaves_nothing": "nothing is left after a delete",
    "killed_deploys_duplicate_nothing": "killed and resumed deploys create nothing twice",
}


@pytest.fixture
def project(shell: Shell, install: Callable[[str], Path]) -> Shell:
    paths = f"{install('thirdparty')}:{install('leaky')}"
    shell.env |= {"PYTHONPATH": paths, "HOSTING_PASSWORD": "c4n4ry", "REGION": "north"}
    shell.env["HOOK_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", MANIFEST)
    shell.write("table.txt", "here")
    return shell


def test_it_lists_its_effects_and_does_nothing_without_yes(project: Shell) -> None:
    done = project("plugin", "check", "--target", "staging", code=3)
    names = r"check-\w{8}-life, check-\w{8}-flow, check-\w{8}-kill, check-\w{8}-fresh, check-\w{8}-canary"
    assert re.search(f"this creates and deletes on 'roll': {names}\n  --yes allows it", done.err)
    assert done.out == ""
    assert not Path(project.env["HOOK_LOG"]).exists()
    assert not (project.folder / ".lading").exists()


def test_faults_of_the_manifest_or_the_plugin_are_reported_first(project: Shell) -> None:
    assert "has no target 'opaque'" in project("plugin", "check", "--target", "opaque", code=2).err
    assert "does not implement lading_logs" in project("plugin", "check", "--target", "boastful", code=6).err
    del project.env["REGION"]
    assert "REGION is not set" in project("plugin", "check", "--target", "staging", code=2).err


def test_without_pytest_the_extra_is_named(project: Shell) -> None:
    project.write("lacking/sitecustomize.py", "import sys\nsys.modules['pytest'] = None\n")
    path = f"{project.folder}/lacking:{project.env['PYTHONPATH']}"
    done = project("plugin", "check", "--target", "staging", "--yes", code=2, PYTHONPATH=path)
    assert "pip install 'lading[testing]'" in done.err


@pytest.mark.slow
def test_the_card_of_a_target_that_conforms(project: Shell) -> None:
    done = project("plugin", "check", "--target", "staging", "--yes", "--json")
    card = done.json()
    assert (card["target"], card["distribution"], card["api"]) == ("roll", "lading-thirdparty 2.1", 1)
    assert card["capabilities"] == ["delete", "keeps_old_release", "scoring_uri", "status"]
    skipped = {(each["check"], each["reason"]) for each in card["checks"] if each["outcome"] == "skipped"}
    assert skipped == {
        ("logs_continue_from_their_cursor", "declares no logs"),
        ("logs_begin_at_a_time", "declares no logs_since"),
        ("logs_are_those_of_a_release", "declares no release_logs"),
        ("metrics_count_the_requests_of_a_release", "declares no metrics"),
        ("keys_open_the_service", "declares no keys"),
        ("the_list_shows_the_deployed_service", "declares no list"),
        ("preflight_finds_nothing_wrong", "declares no preflight"),
        ("plan_accepts_an_unchanged_service", "declares no plan"),
        ("an_update_loses_no_request", GAP),
        ("a_refused_update_loses_no_request", GAP),
        *(
            (name, f"has no fixture `things_of`, so the kit cannot check that {what}")
            for name, what in UNPROVED.items()
        ),
    }
    requests = {each["check"]: each["seen"] for each in card["checks"]}["an_update_loses_no_request"]
    assert requests["requests"] == requests["failed"] + sum(requests["answers"].values())
    assert {each["outcome"] for each in card["checks"]} == {"passed", "skipped"}
    assert len(card["checks"]) > 20
    told = [json.loads(line) for line in done.err.splitlines()]
    assert [each["check"] for each in told[1:]] == [each["check"] for each in card["checks"]]
    assert "price" not in Path(project.env["HOOK_LOG"]).read_text()


@pytest.mark.slow
def test_the_card_shows_what_exists_on_the_platform(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = f"{install('minicloud')}:{shell.folder}"
    folder = shell.folder / "cloud"
    shell.write("looks.py", LOOKS.format(folder=str(folder)))
    shell.write(
        "lading.yaml", f"version: 1\nname: price\nregister: {{file: m}}\ntargets: {{minicloud: {{folder: {folder}}}}}\n"
    )
    shell.write("m", "1")
    done = shell("plugin", "check", "--things-of", "looks:things", "--yes")
    (services,) = re.findall(r"^services +(check-\w{8})-life", done.out, re.MULTILINE)
    assert re.search(rf"delete_leaves_nothing +before +.*model {services}-flow\.", done.out)
    assert re.search(r"delete_leaves_nothing +after +nothing", done.out)
    assert re.search(r"an_update_loses_no_request +failed +0", done.out)
    assert "not proved" not in done.out


def test_a_things_of_function_that_cannot_be_imported_is_refused(project: Shell) -> None:
    done = project("plugin", "check", "--target", "staging", "--things-of", "nowhere:things", code=2)
    assert "nowhere:things cannot be imported" in done.err
    for look, missing in (("nope", "FUNCTION after"), ("nope:", "FUNCTION after"), (":things", "MODULE before")):
        done = project("plugin", "check", "--target", "staging", "--things-of", look, code=2)
        assert f"'{look}' has no {missing} a colon" in done.err


@pytest.mark.slow
def test_the_card_of_a_target_that_fails(project: Shell) -> None:
    done = project("plugin", "check", "--target", "vague", "--yes", code=6)
    (line,) = [line for line in done.out.splitlines() if line.startswith("failed")]
    assert re.fullmatch(r"failed +options_are_documented +options without a docstring: replicas", line)
    assert re.search(r"error: 'vague' fails 1 of \d+ checks", done.err)


def test_the_page_lists_every_check() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", page.partition("## What is checked")[2], re.MULTILINE)
    kits = (TargetConformance, RegistryConformance, TrackerConformance, GateConformance)
    checks = {name.removeprefix("test_") for kit in kits for name in dir(kit) if name.startswith("test_")}
    assert sorted(told) == sorted(checks)


USE = """

@pytest.fixture(scope="class")
def emulator():
    class Emulator:
        proxy, ca = "", ""

    return Emulator


def _use(self, request):
    for name, each in vars(type(self)).items():
        if type(each).__name__ == "FixtureFunctionDefinition":
            request.getfixturevalue(name)


for _case in (each for name, each in list(globals().items()) if name in NAMES):
    for _name in (name for name in dir(_case) if name.startswith("test_")):
        setattr(_case, _name, None)
    _case.test_use = _use
"""


def test_the_printed_examples_of_the_page_work(tmp_path: Path) -> None:
    """Each example is a separate module. Its fixtures are set up with warnings as errors."""
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for number, example in enumerate(examples):
        names = re.findall(r"^class (\w+)", example, re.MULTILINE)
        (tmp_path / f"test_example_{number}.py").write_text(f"import pytest\n{example}\nNAMES = {names}{USE}")
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "-c", "/dev/null"]
    argv = [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{len(examples) + 1} passed" in done.stdout  # one example has two classes


def test_pytest_is_imported_only_for_the_tests() -> None:
    code = "import sys, lading, lading.testing, lading.testing.card; sys.exit('pytest' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=LIMIT)
