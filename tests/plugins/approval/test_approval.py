"""The gate `approval`: who says yes, to which package, and what is said where nobody does."""

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
name: ferry
train: {{plugin: crane, data: tons.txt}}
register: {{model: hull}}
package: {{plugin: crane}}
connections: {{harbour: {{berth: north}}}}
gates: [{gate}]
target: quay
targets: {{quay: {{}}, raft: {{}}}}
"""
Ferry = Callable[[str], Shell]


@pytest.fixture
def ferry(shell: Shell, install: Callable[[str], Path]) -> Ferry:
    def ferry(gate: str) -> Shell:
        shell.env |= {"PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry"}
        shell.write("lading.yaml", MANIFEST.format(gate=gate))
        shell.write("tons.txt", "7")
        return shell

    return ferry


def digest(shell: Shell) -> str:
    return shell("package", "--json").json()["digest"]


def script(shell: Shell, text: str) -> None:
    file = shell.write("ask.sh", f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_a_file_approves_one_package_and_not_the_next(ferry: Ferry) -> None:
    shell = ferry("{plugin: approval, file: it's approved.txt}")
    done = shell("deploy", code=3)
    assert f"to 'quay' is not approved: {shell.folder}/it's approved.txt approves nothing" in done.err
    how = re.search(r"to approve this package: (.*)", done.err)
    assert how is not None
    subprocess.run(["/bin/sh", "-c", how[1]], check=True, cwd="/")  # what it says works as it stands
    assert shell("deploy").out.startswith("http://")
    shell("deploy", code=0)  # nothing to do: nobody is asked
    shell.write("tons.txt", "8")
    assert "approves other packages alone" in shell("deploy", code=3).err
    assert shell("score", "-d", "1").out.strip() == "[7.0]"


@pytest.mark.slow
def test_what_a_file_may_say(ferry: Ferry) -> None:
    shell = ferry("{plugin: approval, file: approved.txt}")
    package = digest(shell)
    for text in ("", "# yes\n", "no, not yes-terday\n", package[:11], f"# {package}\n", package[1:]):
        shell.write("approved.txt", text)
        shell("deploy", code=3)
    for text in ("yes\n", f"0000\n{package}  # the harbour master, by phone\n", package[:12].upper()):
        shell.write("approved.txt", text)
        shell("deploy", "--force")


@pytest.mark.slow
def test_a_file_that_cannot_be_read(ferry: Ferry) -> None:
    shell = ferry("{plugin: approval, file: approved.txt}")
    (shell.folder / "approved.txt").write_bytes(b"\xff\xfe")
    assert "approved.txt cannot be read: it is no text in utf-8" in shell("deploy", code=2).err
    (shell.folder / "approved.txt").unlink()
    (shell.folder / "approved.txt").mkdir()
    assert "approved.txt cannot be read: is a directory" in shell("deploy", code=2).err


@pytest.mark.slow
def test_a_variable_approves(ferry: Ferry) -> None:
    shell = ferry("{plugin: approval, variable: APPROVED}")
    package = digest(shell)
    err = shell("deploy", code=3).err
    assert f"variable APPROVED approves nothing\n  to approve this package: export APPROVED={package}" in err
    shell("deploy", code=3, APPROVED="no")
    shell("deploy", APPROVED=f"{'0' * 64},{package}")


def test_a_command_approves_and_sees_what_it_may(ferry: Ferry) -> None:
    shell = ferry("{plugin: approval, command: [./ask.sh, 'two words; $HOME'], environment: [TICKET]}")
    script(shell, 'printf "%s" "$1" > said; env > seen; pwd > where; exit 0')
    package, folder = digest(shell), shell.folder
    shell.folder = Path("/")  # the command runs in the manifest's folder, from wherever it is asked for
    shell("deploy", folder / "lading.yaml", TICKET="T-7", OTHER="not for it")
    shell.folder = folder
    assert (folder / "said").read_text() == "two words; $HOME"
    assert (folder / "where").read_text().strip() == os.path.realpath(folder)
    seen = dict(line.split("=", 1) for line in (folder / "seen").read_text().splitlines())
    assert seen["TICKET"] == "T-7"
    assert (seen["LADING_SERVICE"], seen["LADING_TARGET"]) == ("ferry", "quay")
    assert seen["LADING_PACKAGE_DIGEST"] == package
    assert not {"OTHER", "HARBOUR_PASSWORD", "PYTHONPATH"} & seen.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "options", "code", "message"),
    [
        ("echo ask the master; exit 4", "", 3, "is not approved: ./ask.sh ended with 4: ask the master"),
        ("sleep 60", ", timeout: 0.5", 6, "the approval command ./ask.sh did not end within 0.5 s"),
        (None, "", 2, "the approval command ./ask.sh cannot be run: no such file or directory"),
    ],
)
def test_a_command_that_does_not_approve(ferry: Ferry, text: str | None, options: str, code: int, message: str) -> None:
    shell = ferry(f"{{plugin: approval, command: [./ask.sh]{options}}}")
    if text is not None:
        script(shell, text)
    assert message in shell("deploy", code=code).err


def test_only_the_targets_that_are_named_are_guarded(ferry: Ferry) -> None:
    shell = ferry("{plugin: approval, variable: APPROVED, targets: [quay]}")
    refused, up = shell("deploy", "--target", "quay", "--target", "raft", "--json", code=3).json()["deployments"]
    assert "is not approved" in refused["error"]["message"]
    assert up["uri"].startswith("http://")


@pytest.mark.slow
def test_a_rollback_needs_its_approval_too(ferry: Ferry) -> None:
    shell = ferry("{plugin: approval, variable: APPROVED}")
    first = digest(shell)
    shell("deploy", APPROVED=first)
    shell.write("tons.txt", "8")
    second = digest(shell)
    shell("deploy", APPROVED=second)
    assert "approves other packages alone" in shell("rollback", code=3, APPROVED=second).err
    shell("rollback", APPROVED=first)
    assert shell("score", "-d", "1").out.strip() == "[7.0]"


def test_bad_options_are_told_at_their_line(ferry: Ferry) -> None:
    gates = (
        "{plugin: approval}",
        "{plugin: approval, file: a, variable: B}",
        "{plugin: approval, file: a, environment: [B]}",
        "{plugin: approval, command: []}",
        "{plugin: approval, command: ask me}",
        "{plugin: approval, variable: B, timeout: -1}",
    )
    err = ferry(", ".join(gates))("check", code=2).err
    for problem in (
        "gates.0: give one of file, variable and command; here are none",
        "gates.1: give one of file, variable and command; here are file and variable",
        "gates.2.environment: it is for a command",
        "gates.3.command: it names no program",
        "gates.4.command: ",
        "gates.5.timeout: ",
    ):
        assert re.search(rf"^lading\.yaml:7:\d+: {re.escape(problem)}", err, re.MULTILINE), (problem, err)
