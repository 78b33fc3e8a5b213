"""A project with one service in a container."""

from __future__ import annotations

import json
import secrets

import pytest
from container_engine import ContainerEngine
from tests.conftest import Shell

SCRIPT = """\
import os
from pathlib import Path

def init():
    global number
    number = int(Path(os.environ["AZUREML_MODEL_DIR"], "model.txt").read_text())
    print("the model says", number)
    INIT

def run(raw_data):
    return [number]
"""


class Project:
    """A project with one service. `write` gives it another model or script."""

    def __init__(self, shell: Shell, engine: ContainerEngine) -> None:
        self.shell, self.engine, self.name = shell, engine, f"project-{secrets.token_hex(4)}"
        shell.env["DOCKER_HOST"] = engine.host
        shell.fails = True  # the log of a failed release may contain a traceback

    def write(
        self, number: int, *, init: str = "pass", target: str = "{}", image: str = "", script: str = "score.py"
    ) -> None:
        self.shell.write("model.txt", str(number))
        written = json.dumps(script.replace("${", "$${"))  # escaped as in a manifest
        self.shell.write(script, SCRIPT.replace("INIT", init))
        self.shell.write(
            "lading.yaml",
            f"version: 1\nname: {self.name}\nregister: {{model: rate, file: model.txt}}\n"
            f"package: {{scoring_script: {written}, samples: [{{request: 1, response: [{number}]}}]}}\n"
            f"image: {{base: '{self.engine.base}', wheels: {self.engine.wheels}{image}}}\n"
            f"target: container\ntargets: {{container: {target}}}\n",
        )

    def answer(self) -> object:
        return self.shell("score", "-d", "1").json()

    def detail(self) -> str:
        """The detail of the status of the service."""
        (row,) = self.shell("status", "--json").json()["deployments"]
        return str(row["detail"])

    def containers(self) -> list[str]:
        return sorted(self.engine.docker("ps", "-a", "--filter", f"name={self.name}", "--format", "{{.Names}}").split())


@pytest.fixture
def project(shell: Shell, container_engine: ContainerEngine) -> Project:
    project = Project(shell, container_engine)
    project.write(7)
    return project
