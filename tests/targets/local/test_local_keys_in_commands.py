"""A protected local service through the command line and the Python API."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.conftest import Shell

import lading

SCRIPT = """\
def init():
    pass

def run(raw_data, request_headers):
    print("asked with", request_headers)
    return [7]
"""
MANIFEST = """\
version: 1
name: rate
register: {model: rate, file: model.txt}
package: {scoring_script: score.py, samples: [{request: 1, response: [7]}]}
targets: {local: {TARGET}}
"""


@pytest.fixture
def rate(shell: Shell) -> Shell:
    shell.write("model.txt", "7")
    shell.write("score.py", SCRIPT)
    write(shell, "auth: key")
    return shell


def write(shell: Shell, target: str) -> None:
    shell.write("lading.yaml", MANIFEST.replace("TARGET", target))


def pasted(deployed: str, **environment: str) -> str:
    """The output of the curl line that a deploy shows."""
    line = next(line for line in deployed.splitlines() if line.startswith("try it: ")).removeprefix("try it: ")
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_commands_find_the_key_and_the_curl_line_asks_for_it(rate: Shell) -> None:
    said = rate("deploy").err
    assert rate("score", "-d", "1").json() == [7]
    shown = rate("keys", "--show", "--json").json()
    assert json.loads(pasted(said, KEY=shown["secondary"])) == [7]
    assert "a valid key is required" in pasted(said, KEY="other")
    assert "# lading keys --show" in said
    deployment = lading.deployment(rate.folder / "lading.yaml")
    assert deployment.score(1) == [7]
    found = deployment.keys()
    assert found.primary is not None
    assert (found.primary.reveal(), str(found.primary)) == (shown["primary"], "Secret('***')")


@pytest.mark.slow
def test_a_key_is_shown_only_on_request_and_is_in_one_file(rate: Shell) -> None:
    said = rate("deploy")
    old = rate("keys", "--show", "--json").json()
    hidden = rate("keys", "--rotate")  # the primary one
    new = rate("keys", "--show", "--json").json()
    rate("score", "-d", "1")
    assert new["primary"] != old["primary"]
    assert "***" in hidden.out
    texts = {old["primary"], new["primary"], new["secondary"]}
    shown = "".join((said.out, said.err, hidden.out, hidden.err, rate("logs").out, rate("status", "--json").out))
    assert "asked with" in shown
    assert [text for text in texts if text in shown] == []
    files = (path for path in Path(rate.folder, ".lading").rglob("*") if path.is_file())
    assert {path.name for path in files if any(text.encode() in path.read_bytes() for text in texts)} == {"keys.json"}


@pytest.mark.slow
def test_a_change_of_the_access_is_planned_and_makes_a_release(rate: Shell) -> None:
    write(rate, "")
    assert "Authorization" not in rate("deploy").err
    write(rate, "auth: key")
    assert "auth" in rate("plan").out
    assert "release 2" in rate("deploy").err
    assert "nothing to do" in rate("plan").out
    write(rate, "auth: key, metrics: {auth: none}")
    assert "metrics.auth" in rate("plan").out
    write(rate, "auth: token")
    assert "lading.yaml:5:25: targets.local.auth" in rate("plan", code=2).err
    write(rate, "auth: key")  # the service is deleted with a valid manifest
