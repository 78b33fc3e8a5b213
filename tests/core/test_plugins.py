"""Find and bind plugins. Broken ones are named, and affect only commands that use them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.waiting import LIMIT

from lading import Capability
from lading.plugin.spec import asking, serving

MANIFEST = "version: 1\nname: price\nregister: {file: model.bin}\ntargets: {TARGET: {}}\n"


@pytest.fixture
def broken(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env["PYTHONPATH"] = str(install("broken"))
    shell.write("model.bin", "x")
    return shell


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("unlinked", "cannot be imported: ImportError: libplugin.so.3 is missing"),
        ("leaver", "cannot be imported: SystemExit: the plugin has ended"),
        ("nowhere", "cannot be loaded: its entry point names broken.nowhere, which does not exist"),
        ("nameless", "cannot be loaded: its entry point names 'nameless' in broken.targets, which does not exist"),
        ("lacking", "No module named 'lading_broken_steel'\n  pip install 'lading-broken[steel]'"),
        ("early", "cannot import name 'Weather' from 'lading'"),
        ("misspelt", "implements lading_delpoy, which is not a hook (did you mean lading_deploy?)"),
        (
            "greedy",
            "takes 'weather' in lading_deploy, whose arguments are request, context",
        ),
        ("modern", "needs version 99 of the plugin contract; this is 1"),
        ("foreign", "needs version 2 of the plugin contract; this is 1\n  pip install --upgrade lading"),
        ("undated", "returned a wrong answer from lading_describe: Description.api is str, not int"),
        ("ancient", "declares api=0; the first version of the contract is 1"),
        ("unversioned", "missing 1 required keyword-only argument: 'api'"),
        ("unchecked", "has an options type that does not subclass lading.Options"),
        ("heavy", "cannot be inspected: TypeError: unhashable type: 'Heavy'"),
        ("silent", "returned None from lading_describe"),
        ("unmarked", "does not implement lading_describe, or not with the marker lading.hookimpl"),
        ("partial", "does not implement lading_deploy, lading_scoring_uri"),
        ("boastful", "does not implement lading_logs"),
        ("half", "is incomplete: a target lacks lading_deploy"),
        ("watchful", "is incomplete: a target lacks lading_deploy, lading_scoring_uri"),
        ("promising", "implements lading_deploy as a coroutine function: hooks are plain functions"),
        ("promised", "implements lading_describe as a coroutine function: hooks are plain functions"),
        ("streaming", "implements lading_deploy as an async generator function: hooks are plain functions"),
        ("yielding", "implements lading_deploy as a generator function: hooks are plain functions"),
        ("wrapping", "implements lading_deploy as a generator function: hooks are plain functions"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution(broken: Shell, target: str, message: str) -> None:
    broken.write("lading.yaml", MANIFEST.replace("TARGET", target))
    done = broken("uri", "--target", target, code=6)
    assert f"target '{target}' (lading-broken 0.1)" in done.err
    assert message in done.err
    note, *failure = done.err.splitlines()
    assert note.endswith("has no store yet")
    assert len(failure) == 2  # the message and the next step


def test_half_a_trainer_is_refused_before_it_trains(broken: Shell) -> None:
    broken.write("lading.yaml", "version: 1\nname: price\ntrain: {plugin: blind}\n")
    done = broken("train", code=6)
    assert "plugin 'blind' (lading-broken 0.1) is incomplete: a trainer lacks lading_inspect" in done.err


def test_half_a_target_is_refused_by_the_conformance_kit(broken: Shell) -> None:
    broken.write("lading.yaml", MANIFEST.replace("TARGET", "half"))
    done = broken("plugin", "check", "--target", "half", code=6)
    assert "target 'half' (lading-broken 0.1) is incomplete: a target lacks lading_deploy" in done.err


def test_the_traceback_is_shown_on_request(broken: Shell) -> None:
    broken.write("lading.yaml", MANIFEST.replace("TARGET", "unlinked"))
    command = broken.start("uri", "--target", "unlinked", "-v")
    _out, err = command.communicate(timeout=LIMIT)
    assert "broken/unlinked.py" in err
    assert command.returncode == 6


def test_an_interrupted_import_names_its_plugin(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = str(install("rival"))
    shell.write("lading.yaml", "version: 1\nname: price\ntrain: {plugin: sleeper}\n")
    command = shell.start("train")
    assert command.stderr is not None
    assert command.stderr.readline() == "warning: plugin 'sleeper' (lading-rival 1.0) printed: zzz\n"
    command.send_signal(signal.SIGINT)
    _out, err = command.communicate(timeout=LIMIT)
    assert command.returncode == 130
    assert "plugin 'sleeper' (lading-rival 1.0) was being imported; `lading plugin list --probe` shows" in err


@pytest.mark.slow
def test_a_broken_plugin_affects_no_other(broken: Shell) -> None:
    names = [row["name"] for row in broken("target", "list", "--json").json()]
    assert {"local", "unlinked", "nowhere"} <= set(names)
    broken("target", "show", "local")
    done = broken("schema")
    assert "note: target 'unlinked' (lading-broken 0.1) cannot be imported" in done.err
    assert "target.local" in done.json()["$defs"]
    broken.write("lading.yaml", MANIFEST.replace("{TARGET: {}}", "{unlinked: {}, local: {}}"))
    unlinked, local = broken("status", "--json").json()["deployments"]
    assert (unlinked["state"], local["state"]) == ("unknown", "absent")
    assert "libplugin.so.3 is missing" in unlinked["detail"]


@pytest.mark.parametrize("name", ["undefined", "callable"])
def test_options_without_a_schema_are_left_out_and_named(broken: Shell, name: str) -> None:
    message = f"target '{name}' (lading-broken 0.1) has options that pydantic cannot describe: "
    done = broken("schema")
    assert f"note: {message}" in done.err
    assert "target.local" in done.json()["$defs"]
    assert f"target.{name}" not in done.json()["$defs"]
    for command in ("target", "plugin"):
        assert f"error: {message}" in broken(command, "show", name, code=6).err


@pytest.mark.parametrize("name", ["endless", "beginningless"])
def test_a_version_of_the_contract_is_shown_in_few_digits(broken: Shell, name: str) -> None:
    assert len(broken("target", "show", name, code=6).err) < 300


def test_a_name_that_two_distributions_offer_is_refused(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = f"{install('thirdparty')}:{install('rival')}"
    shell.write("lading.yaml", "version: 1\nname: price\ntrain: {plugin: constant}\n")
    done = shell("train", code=6)
    assert "plugin 'constant' is offered by lading-rival 1.0 and lading-thirdparty 2.1" in done.err
    assert "write `plugin: lading-rival:constant` or `plugin: lading-thirdparty:constant`" in done.err
    rows = {(row["name"], row["status"]) for row in shell("plugin", "list", "--json").json()}
    twice = {(f"lading-{name}:constant", "offered twice") for name in ("thirdparty", "rival")}
    assert twice | {("bell", "installed")} <= rows


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "variable", "message"),
    [
        (["--no-plugins"], None, "an empty LADING_PLUGINS, allows only Lading's own; leave that out, or set LADING_"),
        ([], "", "set LADING_PLUGINS=talker"),
        ([], "bell, late", "LADING_PLUGINS is bell, late; add talker to it, or unset it"),
    ],
)
def test_a_restriction_is_named_and_how_to_lift_it(
    broken: Shell, words: list[str], variable: str | None, message: str
) -> None:
    script = "targets: {local: {}, talker: {}}\npackage: {scoring_script: score.py}\n"
    broken.write("lading.yaml", MANIFEST.replace("targets: {TARGET: {}}\n", script))
    broken.write("score.py", "def init(): pass\ndef run(raw_data): return 1\n")
    if variable is not None:
        broken.env["LADING_PLUGINS"] = variable
    done = broken(*words, "uri", "--target", "talker", code=2)
    assert "lading.yaml:4:22: targets.talker: target 'talker' (lading-broken 0.1) may not be loaded: " in done.err
    assert message in done.err
    assert "no scoring URI" in broken(*words, "uri", "--target", "local", code=6).err  # Lading's own are always allowed
    assert "targets.talker is not checked" in broken(*words, "check").err
    assert [row["target"] for row in broken(*words, "status", "--json").json()["deployments"]] == ["local"]
    assert "talker" not in broken(*words, "schema").out


def test_a_restriction_excludes_plugins_that_it_does_not_name(broken: Shell, install: Callable[[str], Path]) -> None:
    broken.env |= {"LADING_PLUGINS": " talker ,constant", "PYTHONPATH": f"{install('broken')}:{install('thirdparty')}"}
    rows = broken("plugin", "list", "--json").json()
    installed = {row["name"] for row in rows if row["status"] == "installed"}
    first_party = {row["name"] for row in rows if row["distribution"] == "lading"}
    assert installed == {"constant", "talker"} | first_party
    assert {row["status"] for row in rows if row["name"] not in installed} == {"restricted"}


@pytest.mark.slow
def test_a_probe_imports_each_plugin_in_a_separate_process(broken: Shell, install: Callable[[str], Path]) -> None:
    broken.env["PYTHONPATH"] = f"{install('broken')}:{install('rival')}"
    broken.env["LADING_PLUGINS"] = "idle,late,lacking,sleeper,talker,nowhere,blind,handless,yielding"
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
    assert found["talker"]["printed"] == ["hello"]
    assert found["sleeper"]["problem"].endswith("could not be imported within 30 s")
    assert (
        found["sleeper"]["hint"] == "give it more time with --timeout; if that does not help, "
        "repair or uninstall lading-rival, or report it to its authors"
    )
    assert found["idle"]["problem"].endswith("has no role: its only hook is lading_describe")
    assert found["blind"]["problem"].endswith("is incomplete: a trainer lacks lading_inspect")
    assert found["handless"]["problem"].endswith("is incomplete: a trainer lacks lading_train")
    assert found["yielding"]["problem"].endswith("hooks are plain functions")
    assert found["lacking"]["hint"] == "pip install 'lading-broken[steel]'"
    assert found["unlinked"]["status"] == "restricted"
    assert found["unlinked"]["problem"] is None
    table = broken("plugin", "list", "--probe", LADING_PLUGINS="idle").out
    why = "plugin 'idle' (lading-broken 0.1) has no role: its only hook is lading_describe"
    assert table.endswith(f"\n\n{why}\n  report it to the authors of lading-broken\n")
    assert "lading_describe, lading_evaluate, lading_inspect, lading_train" in table


AUDIT = """
import pathlib, sys

run_files = []
sys.addaudithook(lambda event, facts: run_files.append(facts[0].co_filename) if event == "exec" else None)
from lading.cli.run import run

run(sys.argv[1:])
strangers = (file for file in map(pathlib.Path, run_files) if file.parent.name in ("thirdparty", "broken"))
print(*sorted({file.stem for file in strangers}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--help"], ""),
        (["plugin", "list"], ""),
        (["target", "list"], ""),
        (["target", "show", "local"], ""),
        (["plugin", "show", "bell"], "__init__ bell"),
        (["run", "list"], ""),
        (["status", "--target", "local"], ""),
        (["uri", "--target", "roll"], "__init__ targets"),
        (["train"], "__init__ bell stages"),
    ],
)
def test_a_plugin_is_imported_only_when_the_command_needs_its_block(
    broken: Shell, install: Callable[[str], Path], argv: list[str], expected: str
) -> None:
    broken.env["PYTHONPATH"] = f"{install('thirdparty')}:{install('broken')}"
    blocks = "observers: [{plugin: bell}]\ntargets: {local: {}, roll: {connection: none}, unlinked: {}}\n"
    broken.write("lading.yaml", f"version: 1\nname: price\ntrain: {{plugin: constant, data: model.bin}}\n{blocks}")
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


OLD_LIBRARY = """\
import warnings

def warn():
    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, UserWarning):
        warnings.warn("this function will go", category, stacklevel=2)

warn()
"""

GUSTY = """\
from copy import copy

import oldlib
from thirdparty.targets import roll
from lading import hookimpl

class Gusty(type(roll)):
    @property
    def cpus(self):
        oldlib.warn()

    @hookimpl
    def lading_status(self, deployment, context):
        oldlib.warn()
        return super().lading_status(deployment, context)

gusty = copy(roll)
gusty.__class__ = Gusty
"""


@pytest.fixture
def gusty(shell: Shell, install: Callable[[str], Path]) -> Shell:
    """A target with a library that warns as often as possible, in an environment that shows every warning."""
    shell.env |= {"HOSTING_PASSWORD": "c4n4ry", "HOOK_LOG": str(shell.folder / "calls.jsonl")}
    shell.env |= {"PYTHONPATH": f"{install('thirdparty')}:{shell.folder}", "PYTHONWARNINGS": "always"}
    shell.write("oldlib.py", OLD_LIBRARY)
    shell.write("gusty.py", GUSTY)
    shell.write("gusty-1.0.dist-info/METADATA", "Name: gusty\nVersion: 1.0\n")
    shell.write("gusty-1.0.dist-info/entry_points.txt", "[lading.targets]\ngusty = gusty:gusty\n")
    manifest = "version: 1\nname: price\nregister: {file: cost.txt}\npackage: {plugin: constant}\n"
    shell.write("cost.txt", "7")
    shell.write("lading.yaml", f"{manifest}connections: {{hosting: {{region: north}}}}\ntargets: {{gusty: {{}}}}\n")
    return shell


@pytest.mark.slow
def test_warnings_of_a_library_are_not_attributed_to_the_plugin_that_uses_it(gusty: Shell) -> None:
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


def test_each_hook_that_queries_a_target_belongs_to_its_role_or_to_a_capability() -> None:
    asked = {name for module in (asking, serving) for name in vars(module) if name.startswith("lading_")}
    assert asked == {"lading_deploy", "lading_scoring_uri", *filter(None, (each.hook for each in Capability))}
