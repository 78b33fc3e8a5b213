"""A variable with another value is a change, if the block refers to it or if the target reads it as a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import MANIFEST, wait_for
from tests.waiting import LIMIT

SECRETS = {"FLAG": "s3cr3t-flag", "TOKEN": "s3cr3t-token"}


@pytest.mark.slow
def test_a_rotated_secret_is_a_change_that_never_shows_its_value(project: Shell) -> None:
    project.write("lading.yaml", MANIFEST.replace("roll: {}", 'roll: {flag: "${FLAG}", password: TOKEN}'))
    project.env |= SECRETS
    project("deploy")
    assert "nothing to do" in project("plan").out

    planned = project("plan", TOKEN="r0tated").out
    assert "~ targets.roll.password: secret changed" in planned
    assert "targets.roll.flag" not in planned
    assert "deploy to roll: up · release 2" in project("deploy", TOKEN="r0tated").err
    assert "nothing to do" in project("plan", TOKEN="r0tated").out

    planned = project("plan", TOKEN="r0tated", FLAG="blue").out
    assert "~ targets.roll.flag: secret changed" in planned
    assert "targets.roll.password" not in planned
    del project.env["TOKEN"]  # a variable that is not set cannot be compared
    assert "nothing to do" in project("plan").out

    stored = b"".join(file.read_bytes() for file in Path(project.folder, ".lading").rglob("*") if file.is_file())
    assert not [value for value in (*SECRETS.values(), "r0tated") if value.encode() in stored]


def leave_pending(project: Shell) -> None:
    """Kill a deploy after its target has read TOKEN. A gate would ask for the status before."""
    manifest = MANIFEST.replace("roll: {}", "roll: {password: TOKEN}")
    project.write("lading.yaml", manifest.replace("gates: [{plugin: guard, closed: [forbidden]}]\n", ""))
    project.env |= SECRETS
    command = project.start("deploy", HOOK_FAULT="lading_status:hangs")
    log = Path(project.env["HOOK_LOG"])
    wait_for(lambda: log.exists() and "lading_status" in log.read_text())
    command.kill()
    command.communicate(timeout=LIMIT)


def test_a_secret_that_changes_during_a_pending_release_begins_another_one(project: Shell) -> None:
    leave_pending(project)
    again = project("deploy", TOKEN="r0tated").err
    assert "abandoned: it was interrupted and the value of TOKEN has changed since · release 1" in again
    assert "deploy to roll: up · release 2" in again
    assert "nothing to do" in project("plan", TOKEN="r0tated").out
    assert "~ targets.roll.password: secret changed" in project("plan").out


def test_a_pending_release_with_the_same_secret_is_resumed(project: Shell) -> None:
    leave_pending(project)
    assert "resuming · release 1" in project("deploy").err
    assert "~ targets.roll.password: secret changed" in project("plan", TOKEN="r0tated").out


def test_an_error_of_a_rotation_does_not_show_the_old_key(project: Shell) -> None:
    project.write(
        "lading.yaml", MANIFEST.replace("roll: {}", "rotating: {}").replace("target: roll", "target: rotating")
    )
    project("deploy")
    refused = project("keys", "--rotate", "secondary", code=6)
    assert "the key *** cannot be replaced" in refused.err
    assert "s3same" not in refused.err
