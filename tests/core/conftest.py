"""A service with plugins of a third-party distribution, which records its calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.waiting import eventually

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
register: {model: rate}
package:
  plugin: constant
  samples: [{request: 1, response: [7]}]
connections: {hosting: {region: north}}
observers: [{plugin: bell}]
gates: [{plugin: guard, closed: [forbidden]}]
target: roll
targets:
  roll: {}
  stop: {}
  forbidden: {plugin: roll, service_name: price-two}
"""


@pytest.fixture
def project(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry"}
    shell.env["HOOK_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", MANIFEST)
    shell.write("cost.txt", "7")
    return shell


def wait_for(condition: Callable[[], bool]) -> None:
    eventually(condition)
