"""A service over the plugins of a stranger's distribution, which writes down how they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.waiting import eventually

MANIFEST = """\
version: 1
name: ferry
train: {plugin: crane, data: tons.txt}
register: {model: hull}
package:
  plugin: crane
  samples: [{request: 1, response: [7]}]
connections: {harbour: {berth: north}}
observers: [{plugin: bell}]
gates: [{plugin: pilot, closed: [forbidden]}]
target: quay
targets:
  quay: {}
  raft: {}
  forbidden: {plugin: quay, service_name: ferry-two}
"""


@pytest.fixture
def harbour(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry"}
    shell.env["HARBOUR_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", MANIFEST)
    shell.write("tons.txt", "7")
    return shell


def wait_for(condition: Callable[[], bool]) -> None:
    eventually(condition)
