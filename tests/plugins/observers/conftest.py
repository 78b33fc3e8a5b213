from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell

sys.path.insert(0, str(Path(__file__).parent))  # for receiver

from receiver import Answer, Receiver

MANIFEST = """\
version: 1
name: ferry
train: {{plugin: crane, data: tons.txt}}
register: {{model: hull}}
package: {{plugin: crane, samples: [{{request: 1, response: [7]}}]}}
connections: {{harbour: {{berth: north}}}}
observers: [{observers}]
targets: {{quay: {{}}}}
"""


@pytest.fixture
def ferry(shell: Shell, install: Callable[[str], Path]) -> Callable[[str], Shell]:
    """A project over a stranger's trainer and target, with the observers that are given."""

    def ferry(*observers: str) -> Shell:
        shell.env |= {"PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry"}
        shell.write("lading.yaml", MANIFEST.format(observers=", ".join(observers)))
        shell.write("tons.txt", "7")
        return shell

    return ferry


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    """Starts receivers, each with the answers that it gives first."""
    started: list[Receiver] = []

    def start(*answers: Answer) -> Receiver:
        started.append(Receiver(list(answers)))
        return started[-1]

    yield start
    for one in started:
        one.close()
