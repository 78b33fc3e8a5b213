"""Finding and binding plugins: broken ones are named, and disturb only those who ask for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell

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
        ("nowhere", "cannot be imported: ModuleNotFoundError: No module named 'broken.nowhere'"),
        ("misspelt", "breaks the contract: unknown hook 'lading_delpoy'"),
        ("greedy", "weather"),
        ("modern", "needs version 99 of the plugin contract; this is 1"),
        ("silent", "gave no answer to lading_describe"),
        ("partial", "does not implement lading_deploy, lading_scoring_uri"),
        ("boastful", "does not implement lading_logs"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution(broken: Shell, target: str, message: str) -> None:
    broken.write("lading.yaml", MANIFEST.replace("TARGET", target))
    done = broken("uri", "--target", target, code=6)
    assert f"target '{target}' (lading-broken 0.1)" in done.err
    assert message in done.err
    assert len(done.err.splitlines()) == 2  # the message and the next step


def test_the_traceback_is_there_for_those_who_ask(broken: Shell) -> None:
    broken.write("lading.yaml", MANIFEST.replace("TARGET", "wrecked"))
    command = broken.start("uri", "--target", "wrecked", "-v")
    _out, err = command.communicate(timeout=30)
    assert "broken/wrecked.py" in err
    assert command.returncode == 6


def test_a_broken_plugin_disturbs_nobody_else(broken: Shell) -> None:
    names = [row["name"] for row in broken("target", "list", "--json").json()]
    assert {"local", "wrecked", "nowhere"} <= set(names)
    broken("target", "show", "local")
    done = broken("schema")
    assert "note: target 'wrecked' (lading-broken 0.1) cannot be imported" in done.err
    assert "target.local" in done.json()["$defs"]


def test_a_name_that_two_distributions_offer_is_refused(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = f"{install('harbour')}:{install('rival')}"
    shell.write("lading.yaml", "version: 1\nname: ferry\ntrain: {plugin: crane}\n")
    done = shell("train", code=6)
    assert "'crane' is offered by lading-harbour 2.1 and lading-rival 1.0" in done.err
    rows = {(row["name"], row["status"]) for row in shell("plugin", "list", "--json").json()}
    assert {("crane", "offered twice"), ("bell", "installed")} <= rows
