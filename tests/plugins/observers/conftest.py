from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.plugins.observers.receiver import Answer, Receiver

MANIFEST = """\
version: 1
name: price
train: {{plugin: constant, data: cost.txt}}
register: {{model: rate}}
package: {{plugin: constant, samples: [{{request: 1, response: [7]}}]}}
connections: {{hosting: {{region: north}}}}
observers: [{observers}]
targets: {{roll: {{}}}}
"""


@pytest.fixture
def make_project(shell: Shell, install: Callable[[str], Path]) -> Callable[[str], Shell]:
    """A project with a third-party trainer and target, and the given observers."""

    def make_project(*observers: str) -> Shell:
        shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry"}
        shell.write("lading.yaml", MANIFEST.format(observers=", ".join(observers)))
        shell.write("cost.txt", "7")
        return shell

    return make_project


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    """Starts receivers, each with its first answers."""
    started: list[Receiver] = []

    def start(*answers: Answer) -> Receiver:
        started.append(Receiver(list(answers)))
        return started[-1]

    yield start
    for one in started:
        one.close()
