"""Finding and binding plugins: broken ones are named, and disturb only those who ask for them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.waiting import LIMIT

MANIFEST = "version: 1\nname: wreck\nregister: {file: model.bin}\ntargets: {TARGET: {}}\n"


@pytest.fixture
def broken(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env["PYTHONPATH"] = str(install("broken"))
    shell.write("model.bin", "x")
    return shell


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("wrecked", "cannot be imported: ImportError: libcrane.so.3 is missing"),
        ("leaver", "cannot be imported: SystemExit: the crew has left"),
        ("nowhere", "leads nowhere: broken.nowhere, which its entry point names, does not exist"),
        ("nameless", "leads nowhere: 'nameless' in broken.targets, which its entry point names, does not exist"),
        ("lacking", "No module named 'lading_broken_steel'\n  pip install 'lading-broken[steel]'"),
        ("early", "cannot import name 'Weather' from 'lading'"),
        ("misspelt", "implements lading_delpoy, which is no hook (did you mean lading_deploy?)"),
        (
            "greedy",
            "asks lading_deploy for 'weather'; what that is given is request, context",
        ),
        ("modern", "needs version 99 of the plugin contract; this is 1"),
        ("foreign", "needs version 2 of the plugin contract; this is 1\n  pip install --upgrade lading"),
        ("undated", "answered lading_describe wrongly: Description.api is str, not int"),
        ("unchecked", "describes options that are no lading.Options"),
        ("silent", "gave no answer to lading_describe"),
        ("unmarked", "does not implement lading_describe, or not with the marker lading.hookimpl"),
        ("partial", "does not implement lading_deploy, lading_scoring_uri"),
        ("boastful", "does not implement lading_logs"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution(broken: Shell, target: str, message: str) -> None:
    broken.write("lading.yaml", MANIFEST.replace("TARGET", target))
    done = broken("uri", "--target", target, code=6)
    assert f"target '{target}' (lading-broken 0.1)" in done.err
    assert message in done.err
    note, *failure = done.err.splitlines()
    assert note.startswith("warning: there is no store")
    assert len(failure) == 2  # the message and the next step


def test_the_traceback_is_there_for_those_who_ask(broken: Shell) -> None:
    broken.write("lading.yaml", MANIFEST.replace("TARGET", "wrecked"))
    command = broken.start("uri", "--target", "wrecked", "-v")
    _out, err = command.communicate(timeout=LIMIT)
    assert "broken/wrecked.py" in err
    assert command.returncode == 6


def test_who_interrupts_an_import_is_told_whose(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = str(install("rival"))
    shell.write("lading.yaml", "version: 1\nname: ferry\ntrain: {plugin: sleeper}\n")
    command = shell.start("train")
    assert command.stderr is not None
    assert command.stderr.readline() == "warning: plugin 'sleeper' (lading-rival 1.0) printed: zzz\n"
    command.send_signal(signal.SIGINT)
    _out, err = command.communicate(timeout=LIMIT)
    assert command.returncode == 130
    assert "plugin 'sleeper' (lading-rival 1.0) was being imported; `lading plugin list --probe` says" in err


def test_a_broken_plugin_disturbs_nobody_else(broken: Shell) -> None:
    names = [row["name"] for row in broken("target", "list", "--json").json()]
    assert {"local", "wrecked", "nowhere"} <= set(names)
    broken("target", "show", "local")
    done = broken("schema")
    assert "note: target 'wrecked' (lading-broken 0.1) cannot be imported" in done.err
    assert "target.local" in done.json()["$defs"]
    broken.write("lading.yaml", MANIFEST.replace("{TARGET: {}}", "{wrecked: {}, local: {}}"))
    wrecked, local = broken("status", "--json").json()["deployments"]
    assert (wrecked["state"], local["state"]) == ("unknown", "absent")
    assert "libcrane.so.3 is missing" in wrecked["detail"]


def test_a_name_that_two_distributions_offer_is_refused(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = f"{install('harbour')}:{install('rival')}"
    shell.write("lading.yaml", "version: 1\nname: ferry\ntrain: {plugin: crane}\n")
    done = shell("train", code=6)
    assert "plugin 'crane' is offered by lading-harbour 2.1 and lading-rival 1.0" in done.err
    rows = {(row["name"], row["status"]) for row in shell("plugin", "list", "--json").json()}
    assert {("crane", "offered twice"), ("bell", "installed")} <= rows


@pytest.mark.parametrize(
    ("words", "variable", "message"),
    [
        (["--no-plugins"], None, "an empty LADING_PLUGINS, allows Lading's own alone; leave that out, or set LADING_"),
        ([], "", "set LADING_PLUGINS=talker"),
        ([], "bell, late", "LADING_PLUGINS is bell, late; add talker to it, or unset it"),
    ],
)
def test_a_restriction_is_named_and_how_to_lift_it(
    broken: Shell, words: list[str], variable: str | None, message: str
) -> None:
    broken.write("lading.yaml", MANIFEST.replace("{TARGET: {}}", "{local: {}, talker: {}}"))
    if variable is not None:
        broken.env["LADING_PLUGINS"] = variable
    done = broken(*words, "uri", "--target", "talker", code=2)
    assert "lading.yaml:4:22: targets.talker: target 'talker' (lading-broken 0.1) may not be loaded: " in done.err
    assert message in done.err
    assert "no scoring URI" in broken(*words, "uri", "--target", "local", code=6).err  # Lading's own always may
    assert "targets.talker is not checked" in broken(*words, "check").err
    assert [row["target"] for row in broken(*words, "status", "--json").json()["deployments"]] == ["local"]
    assert "talker" not in broken(*words, "schema").out


def test_a_restriction_leaves_out_what_it_does_not_name(broken: Shell, install: Callable[[str], Path]) -> None:
    broken.env |= {"LADING_PLUGINS": " talker ,crane", "PYTHONPATH": f"{install('broken')}:{install('harbour')}"}
    rows = broken("plugin", "list", "--json").json()
    installed = {row["name"] for row in rows if row["status"] == "installed"}
    first_party = {row["name"] for row in rows if row["distribution"] == "lading"}
    assert installed == {"crane", "talker"} | first_party
    assert {row["status"] for row in rows if row["name"] not in installed} == {"restricted"}


@pytest.mark.slow
def test_a_probe_imports_each_plugin_in_a_process_of_its_own(broken: Shell, install: Callable[[str], Path]) -> None:
    broken.env["PYTHONPATH"] = f"{install('broken')}:{install('rival')}"
    broken.env["LADING_PLUGINS"] = "idle,late,lacking,sleeper,talker,nowhere"
    rows = broken("plugin", "list", "--probe", "--timeout", "30", "--json").json()
    found = {row["name"]: row for row in rows}
    first_party = {row["name"] for row in rows if row["distribution"] == "lading"}
    assert {name for name, row in found.items() if row["status"] == "working"} == {"late", "talker"} | first_party
    assert found["late"] | {"summary": ""} == {
        "group": "lading.targets",
        "name": "late",
        "distribution": "lading-broken",
        "version": "0.1",
        "status": "working",
        "summary": "",
        "api": 1,
        "roles": ["target"],
        "capabilities": ["status"],
        "hooks": ["lading_deploy", "lading_describe", "lading_scoring_uri", "lading_status"],
        "problem": None,
        "retiring": [],
        "printed": [],
    }
    assert found["talker"]["printed"] == ["ahoy"]
    assert found["sleeper"]["problem"].endswith("could not be imported within 30 s")
    assert (
        found["sleeper"]["hint"]
        == "--timeout gives it more; else repair or uninstall lading-rival, or tell its authors"
    )
    assert found["idle"]["problem"].endswith("fills no role: it implements no hook but lading_describe")
    assert found["lacking"]["hint"] == "pip install 'lading-broken[steel]'"
    assert found["wrecked"]["status"] == "restricted"
    assert found["wrecked"]["problem"] is None
    table = broken("plugin", "list", "--probe", LADING_PLUGINS="idle").out
    why = "plugin 'idle' (lading-broken 0.1) fills no role: it implements no hook but lading_describe"
    assert table.endswith(f"\n\n{why}\n  tell the authors of lading-broken\n")
    assert "lading_describe, lading_inspect, lading_train" in table


AUDIT = """
import pathlib, sys

run_files = []
sys.addaudithook(lambda event, facts: run_files.append(facts[0].co_filename) if event == "exec" else None)
from lading.cli.run import run

run(sys.argv[1:])
strangers = (file for file in map(pathlib.Path, run_files) if file.parent.name in ("harbour", "broken"))
print(*sorted({file.stem for file in strangers}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--help"], ""),
        (["plugin", "list"], ""),
        (["target", "list"], ""),
        (["target", "show", "local"], ""),
        (["run", "list"], ""),
        (["status", "--target", "local"], ""),
        (["uri", "--target", "quay"], "__init__ berths"),
        (["train"], "__init__ bell stages"),
    ],
)
def test_a_plugin_is_imported_where_the_manifest_names_it_for_the_command_and_not_before(
    broken: Shell, install: Callable[[str], Path], argv: list[str], expected: str
) -> None:
    broken.env["PYTHONPATH"] = f"{install('harbour')}:{install('broken')}"
    blocks = "observers: [{plugin: bell}]\ntargets: {local: {}, quay: {connection: none}, wrecked: {}}\n"
    broken.write("lading.yaml", f"version: 1\nname: ferry\ntrain: {{plugin: crane, data: model.bin}}\n{blocks}")
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, *argv],
        cwd=broken.folder,
        env=broken.env,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == expected


TIDES = """\
import warnings

def warn():
    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, UserWarning):
        warnings.warn("tides will go", category, stacklevel=2)

warn()
"""

GUSTY = """\
from copy import copy

import tides
from harbour.berths import quay
from lading import hookimpl

class Gusty(type(quay)):
    @property
    def crew(self):
        tides.warn()

    @hookimpl
    def lading_status(self, deployment, context):
        tides.warn()
        return super().lading_status(deployment, context)

gusty = copy(quay)
gusty.__class__ = Gusty
"""


@pytest.fixture
def gusty(shell: Shell, install: Callable[[str], Path]) -> Shell:
    """A target that uses a library which warns whenever it can, in an environment that shows every warning."""
    shell.env |= {"HARBOUR_PASSWORD": "c4n4ry", "HARBOUR_LOG": str(shell.folder / "calls.jsonl")}
    shell.env |= {"PYTHONPATH": f"{install('harbour')}:{shell.folder}", "PYTHONWARNINGS": "always"}
    shell.write("tides.py", TIDES)
    shell.write("gusty.py", GUSTY)
    shell.write("gusty-1.0.dist-info/METADATA", "Name: gusty\nVersion: 1.0\n")
    shell.write("gusty-1.0.dist-info/entry_points.txt", "[lading.targets]\ngusty = gusty:gusty\n")
    manifest = "version: 1\nname: ferry\nregister: {file: tons.txt}\npackage: {plugin: crane}\n"
    shell.write("tons.txt", "7")
    shell.write("lading.yaml", f"{manifest}connections: {{harbour: {{berth: north}}}}\ntargets: {{gusty: {{}}}}\n")
    return shell


def test_warnings_of_a_library_are_not_laid_to_the_plugin_that_uses_it(gusty: Shell) -> None:
    (probed,) = [row for row in gusty("plugin", "list", "--probe", "--json").json() if row["name"] == "gusty"]
    assert (probed["status"], probed["retiring"]) == ("working", [])
    done = gusty("deploy", "--target", "gusty")
    assert done.out.startswith("http://")
    assert "must be changed" not in done.err
    assert gusty("status", "--target", "gusty", "--json").json()["deployments"][0]["state"] == "running"


@pytest.mark.slow
def test_warnings_of_a_library_fail_no_check_of_the_kit(gusty: Shell) -> None:
    card = gusty("plugin", "check", "--target", "gusty", "--yes", "--json").json()
    assert {check["outcome"] for check in card["checks"]} == {"passed", "skipped"}
