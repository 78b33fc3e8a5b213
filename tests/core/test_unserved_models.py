"""A finished file that the default scoring script cannot serve is reported at its line, before a package is made."""

from __future__ import annotations

import pytest
from tests.conftest import Shell

HEAD = "version: 1\nname: svc\n"
SCRIPT = "package: {scoring_script: score.py, environment: {pip: [numpy]}}\n"
OTHER = "is of ONNX, so the default scoring script cannot serve it; name a scoring_script under package"
FILE = "register: {file: model.onnx}\n"


@pytest.fixture
def site(shell: Shell) -> Shell:
    (shell.folder / "model.onnx").write_bytes(b"\x08\x07")
    shell.write("score.py", "def init(): ...\ndef run(raw_data): ...\n")
    return shell


def test_it_is_reported_by_check(site: Shell) -> None:
    site.write("lading.yaml", HEAD + FILE)
    assert f"lading.yaml:3:18: register.file: model.onnx {OTHER}" in site("check", code=2).err
    site.write("lading.yaml", HEAD + FILE + SCRIPT)
    site("check")


def test_it_is_reported_by_plan_and_deploy_before_anything_is_made(site: Shell) -> None:
    site.write("lading.yaml", HEAD + FILE)
    for command in ("plan", "deploy"):
        assert f"register.file: model.onnx {OTHER}" in site(command, code=2).err
    assert site("model", "list", "--json").json() == []
