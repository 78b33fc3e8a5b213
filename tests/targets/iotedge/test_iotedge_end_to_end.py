"""A model on a device that is real except for its hardware. Its image is built, pushed, pulled, run and queried."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from container_engine import ContainerEngine
from offline_iothub.client import IotHub, content
from tests.conftest import Shell

pytestmark = pytest.mark.slow

VARIABLE = "IOTHUB_CONNECTION"
SCRIPT = """\
import os
from pathlib import Path

def init():
    global number
    number = int(Path(os.environ["AZUREML_MODEL_DIR"], "model.txt").read_text())
    if number < 0:
        raise ValueError("the model says no")

def run(raw_data):
    return [number]
"""


@dataclass
class Site:
    """A project, a hub, and a device `pi` that also runs a module of another owner."""

    shell: Shell
    hub: IotHub
    engine: ContainerEngine
    registry: str
    port: int

    def edge(self, **wait: float) -> dict[str, Any]:
        waiting = {"grace": 5, "timeout": 200, **wait}
        reached = {"host_port": self.port, "scoring_host": "127.0.0.1"}
        return {"plugin": "iot-edge", "hub": VARIABLE, "device": "pi", **reached, "wait": waiting}

    def image(self) -> dict[str, str]:
        return {"base": self.engine.base, "wheels": str(self.engine.wheels), "repository": f"{self.registry}/salary"}

    def write(self, number: int, **wait: float) -> None:
        """Write a model that returns a number. For a negative number, its script fails."""
        self.shell.write("model.txt", str(number))
        self.shell.write("score.py", SCRIPT)
        sample = {"request": {"data": [[1]]}, "response": [number]}
        manifest = {
            "version": 1,
            "name": "salary",
            "register": {"model": "m", "file": "model.txt"},
            "package": {"scoring_script": "score.py", "samples": [sample]},
            "image": self.image(),
            "target": "edge",
            "targets": {"edge": self.edge(**wait)},
        }
        self.shell.write("lading.yaml", yaml.safe_dump(manifest, sort_keys=False))

    def answer(self) -> Any:
        return self.shell("score", "-d", "{}").json()

    def module(self, name: str) -> Mapping[str, Any]:
        module: Mapping[str, Any] = self.hub.agent("pi")["reported"]["modules"][name]
        return module


@pytest.fixture
def site(shell: Shell, iothub: IotHub, container_engine: ContainerEngine, image_registry: str) -> Iterator[Site]:
    (shell.folder / ".git").mkdir()
    shell.env |= {**iothub.network, "DOCKER_HOST": container_engine.host, VARIABLE: iothub.connection_string}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"Entrypoint": ["sleep", "3600"], "StopSignal": "SIGKILL"}
    neighbour = {
        "type": "docker",
        "status": "running",
        "restartPolicy": "always",
        "imagePullPolicy": "never",
        "settings": {"image": container_engine.base, "createOptions": json.dumps(options)},
    }
    iothub.add_device("pi", engine=container_engine.host)
    iothub.apply("pi", content=content(neighbour=neighbour))
    iothub.settle()
    site = Site(shell, iothub, container_engine, image_registry, port)
    before = site.module("neighbour")
    yield site
    assert site.module("neighbour") == before  # it was never changed


def test_the_salary_model_responds_from_a_device(site: Site, salary: Shell) -> None:
    file = salary.folder / "manifests" / "salary.yaml"
    site.engine.fetch(*salary("package", file, "--json").json()["requirements"])
    manifest = yaml.safe_load(file.read_text())
    manifest |= {"target": "edge", "targets": {"edge": site.edge()}, "image": site.image()}
    file.write_text(yaml.safe_dump(manifest, sort_keys=False))
    deployed = salary("deploy", file)
    assert deployed.out.strip() == f"http://127.0.0.1:{site.port}/score"
    scored = salary("score", file, "-d", '{"data": [[21]]}').json()
    assert scored == pytest.approx([141760.56910569107])
    assert salary("deploy", file).out == deployed.out  # nothing to do


def test_a_crash_loop_is_rolled_back(site: Site) -> None:
    site.write(1)
    site.shell("deploy")
    image = site.module("salary")["settings"]["image"]
    site.write(-1)
    site.shell.fails = True  # the output contains the module's log
    assert "the model says no" in site.shell("deploy", code=8).err
    site.hub.settle()
    assert site.module("salary")["settings"]["image"] == image
    site.write(1)
    assert site.answer() == [1]


def test_an_offline_device_gets_its_module_when_it_reconnects(site: Site) -> None:
    site.write(1, timeout=2)
    site.hub.disconnect("pi")
    waiting = site.shell("deploy", code=7)
    assert "offline" in waiting.err
    site.hub.connect("pi")
    site.hub.settle()
    site.write(1)
    site.shell("deploy")
    assert site.answer() == [1]
