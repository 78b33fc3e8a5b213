"""A variable with another value is a change, if the block refers to it or if the target reads it as a secret."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Shell
from tests.core.conftest import MANIFEST

SECRETS = {"FLAG": "s3cr3t-flag", "TOKEN": "s3cr3t-token"}


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
