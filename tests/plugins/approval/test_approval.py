"""The gate `approval`: who approves which package, and the message without an approval."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell

MANIFEST = """\
version: 1
name: price
train: {{plugin: constant, data: cost.txt}}
register: {{model: rate}}
package: {{plugin: constant}}
connections: {{hosting: {{region: north}}}}
gates: [{gate}]
target: roll
targets: {{roll: {{}}, stop: {{}}}}
"""
MakeProject = Callable[[str], Shell]


@pytest.fixture
def make_project(shell: Shell, install: Callable[[str], Path]) -> MakeProject:
    def make_project(gate: str) -> Shell:
        shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry"}
        shell.write("lading.yaml", MANIFEST.format(gate=gate))
        shell.write("cost.txt", "7")
        return shell

    return make_project


def digest(shell: Shell) -> str:
    found: str = shell("package", "--json").json()["digest"]
    return found


def script(shell: Shell, text: str) -> None:
    file = shell.write("ask.sh", f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_a_file_approves_one_package_and_not_the_next(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, file: it's approved.txt}")
    done = shell("deploy", code=3)
    assert f"to 'roll' is not approved: {shell.folder}/it's approved.txt approves nothing" in done.err
    how = re.search(r"to approve this package: (.*)", done.err)
    assert how is not None
    subprocess.run(["/bin/sh", "-c", how[1]], check=True, cwd="/")  # the printed command works unchanged
    assert shell("deploy").out.startswith("http://")
    shell("deploy", code=0)  # nothing to do, so no approval is needed
    shell.write("cost.txt", "8")
    assert "approves only other packages" in shell("deploy", code=3).err
    assert shell("score", "-d", "1").out.strip() == "[7.0]"


@pytest.mark.slow
def test_allowed_texts_of_a_file(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, file: approved.txt}")
    package = digest(shell)
    for text in ("", "# yes\n", "no, not yes-terday\n", package[:11], f"# {package}\n", package[1:]):
        shell.write("approved.txt", text)
        shell("deploy", code=3)
    for text in ("yes\n", f"0000\n{package}  # the release manager, by phone\n", package[:12].upper()):
        shell.write("approved.txt", text)
        shell("deploy", "--force")


@pytest.mark.slow
def test_a_file_that_cannot_be_read(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, file: approved.txt}")
    (shell.folder / "approved.txt").write_bytes(b"\xff\xfe")
    assert "approved.txt cannot be read: it is not text in UTF-8" in shell("deploy", code=2).err
    (shell.folder / "approved.txt").unlink()
    (shell.folder / "approved.txt").mkdir()
    assert "approved.txt cannot be read: is a directory" in shell("deploy", code=2).err


@pytest.mark.slow
def test_a_variable_approves(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, variable: APPROVED}")
    package = digest(shell)
    err = shell("deploy", code=3).err
    assert "is not approved: variable APPROVED approves nothing\n" in err
    assert f"\n  to approve this package: export APPROVED={package}\n" in err
    shell("deploy", code=3, APPROVED="no")
    shell("deploy", APPROVED=f"{'0' * 64},{package}")


def test_a_command_approves_and_receives_only_allowed_variables(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, command: [./ask.sh, 'two words; $HOME'], environment: [TICKET]}")
    script(shell, 'printf "%s" "$1" > said; env > seen; pwd > where; exit 0')
    package, folder = digest(shell), shell.folder
    shell.folder = Path("/")  # the command runs in the manifest's folder, from any working folder
    shell("deploy", folder / "lading.yaml", TICKET="T-7", OTHER="not for it")
    shell.folder = folder
    assert (folder / "said").read_text() == "two words; $HOME"
    assert (folder / "where").read_text().strip() == os.path.realpath(folder)
    seen = dict(line.split("=", 1) for line in (folder / "seen").read_text().splitlines() if "=" in line)
    assert seen["TICKET"] == "T-7"
    assert seen["LADING_QUESTION"].startswith("  metric")
    assert (seen["LADING_SERVICE"], seen["LADING_TARGET"]) == ("price", "roll")
    assert seen["LADING_PACKAGE_DIGEST"] == package
    assert not {"OTHER", "HOSTING_PASSWORD", "PYTHONPATH"} & seen.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "options", "code", "message"),
    [
        ("echo ask the master; exit 4", "", 3, "is not approved: ./ask.sh ended with 4: ask the master"),
        ("sleep 60", ", timeout: 0.5", 6, "the approval command ./ask.sh did not end within 0.5 s"),
        (None, "", 2, "the approval command ./ask.sh cannot be run: no such file or directory"),
    ],
)
def test_a_command_that_does_not_approve(
    make_project: MakeProject, text: str | None, options: str, code: int, message: str
) -> None:
    shell = make_project(f"{{plugin: approval, command: [./ask.sh]{options}}}")
    if text is not None:
        script(shell, text)
    assert message in shell("deploy", code=code).err


def test_only_the_named_targets_are_guarded(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, variable: APPROVED, targets: [roll]}")
    refused, up = shell("deploy", "--target", "roll", "--target", "stop", "--json", code=3).json()["deployments"]
    assert "is not approved" in refused["error"]["message"]
    assert up["uri"].startswith("http://")


@pytest.mark.slow
def test_a_rollback_needs_its_approval_too(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, variable: APPROVED}")
    first = digest(shell)
    shell("deploy", APPROVED=first)
    shell.write("cost.txt", "8")
    second = digest(shell)
    shell("deploy", APPROVED=second)
    assert "approves only other packages" in shell("rollback", code=3, APPROVED=second).err
    shell("rollback", APPROVED=first)
    assert shell("score", "-d", "1").out.strip() == "[7.0]"


def test_bad_options_are_reported_at_their_line(make_project: MakeProject) -> None:
    gates = (
        "{plugin: approval}",
        "{plugin: approval, file: a, variable: B}",
        "{plugin: approval, file: a, environment: [B]}",
        "{plugin: approval, command: []}",
        "{plugin: approval, command: ask me}",
        "{plugin: approval, variable: B, timeout: -1}",
        "{plugin: approval, require: {r2: 0.9}}",
        '{plugin: approval, require: {r2: "more than 0.9"}}',
    )
    err = make_project(", ".join(gates))("check", code=2).err
    for problem in (
        "gates.0: set file, variable, command or require: none of them is set",
        "gates.1: set only one of file, variable and command, not file and variable",
        "gates.2.environment: it needs a command",
        "gates.3.command: name a program",
        "gates.4.command: ",
        "gates.5.timeout: ",
        "gates.6.require.r2: ",
        "gates.7.require.r2: must be an operator (>=, >, <=, <, ==) and a number",
    ):
        assert re.search(rf"^lading\.yaml:7:\d+: {re.escape(problem)}", err, re.MULTILINE), (problem, err)
