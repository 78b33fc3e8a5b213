"""Devices with containers: their modules run on a real engine, and the reports show its states."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import docker
import pytest
from container_engine import ContainerEngine
from hub_client import HubClient
from offline_azure.client import Emulator
from offline_iothub.client import IotHub, content
from tests.waiting import LIMIT, eventually

pytestmark = pytest.mark.slow

SERVE = "mkdir /srv; cd /srv; echo $ANSWER > score; exec python3 -m http.server 5001"


def module(image: str, command: str, env: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    text = json.dumps({"Entrypoint": ["sh", "-c", command], "StopSignal": "SIGKILL", **options})
    pieces = {f"createOptions{number:02}": text[number * 512 :][:512] for number in range(1, 1 + len(text) // 512)}
    return {
        "type": "docker",
        "status": "running",
        "restartPolicy": "always",
        "imagePullPolicy": "on-create" if "@" in image else "never",
        "settings": {"image": image, "createOptions": text[:512], **pieces},
        "env": {name: {"value": value} for name, value in (env or {}).items()},
    }


@pytest.fixture
def pushed(container_engine: ContainerEngine, image_registry: str) -> str:
    """The base image by its digest in the registry. The engine does not have it under that name."""
    client = docker.APIClient(container_engine.host)
    name = f"{image_registry}/base"
    client.tag(container_engine.base, name, "1")
    for line in client.push(name, "1", stream=True, decode=True):
        assert "error" not in line, line
    digests = client.inspect_image(container_engine.base)["RepoDigests"]
    client.remove_image(f"{name}:1")
    client.close()
    return next(str(digest) for digest in digests if digest.startswith(f"{name}@"))


def reported(iothub: IotHub, name: str) -> dict[str, Any]:
    found: dict[str, Any] = iothub.agent("pi")["reported"].get("modules", {}).get(name, {})
    return found


def test_an_update_replaces_only_one_module(
    iothub: IotHub, container_engine: ContainerEngine, pushed: str, ask: HubClient
) -> None:
    iothub.add_device("pi", engine=container_engine.host)
    neighbour = module(container_engine.base, "sleep 3600")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "HostConfig": {"PortBindings": {"5001/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}},
        "ExposedPorts": {"5001/tcp": {}},
        "Labels": {"long": "x" * 600},
    }

    def told(answer: str) -> dict[str, Any]:
        return content(neighbour=neighbour, salary=module(pushed, SERVE, {"ANSWER": answer}, **options))

    def scored() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/score", timeout=LIMIT) as answer:
                return str(answer.read().decode().strip())
        except OSError:
            return ""  # not yet

    assert ask("POST", "/devices/pi/applyConfigurationContent", told("one"))[0] == 204
    iothub.settle()
    before = reported(iothub, "neighbour")
    assert (before["runtimeStatus"], before["exitCode"]) == ("running", 0)
    assert eventually(lambda: reported(iothub, "salary").get("runtimeStatus")) == "running"
    assert eventually(scored) == "one"
    settings = reported(iothub, "salary")["settings"]
    assert settings["image"] == pushed
    joined = "".join(text for key, text in sorted(settings.items()) if key.startswith("createOptions"))
    assert json.loads(joined)["HostConfig"] == options["HostConfig"]

    assert ask("POST", "/devices/pi/applyConfigurationContent", told("two"))[0] == 204
    iothub.settle()
    assert eventually(scored) == "two"
    assert reported(iothub, "neighbour") == before  # started once, and never again
    assert reported(iothub, "salary")["restartCount"] == 0


def test_a_crash_loop_is_reported_like_by_edge_agent(
    iothub: IotHub, container_engine: ContainerEngine, ask: HubClient
) -> None:
    iothub.add_device("pi", engine=container_engine.host)
    iothub.apply("pi", content=content(salary=module(container_engine.base, "echo no model; exit 3")))
    eventually(lambda: reported(iothub, "salary").get("restartCount", 0) > 1)
    seen = eventually(lambda: (found := reported(iothub, "salary"))["runtimeStatus"] == "backoff" and found)
    assert (seen["exitCode"], seen["statusDescription"]) == (3, "exited")
    assert seen["lastExitTimeUtc"] > "2"  # a module that never exited has a date in year 1
    assert iothub.agent("pi")["reported"]["lastDesiredStatus"] == {"code": 200, "description": ""}
    payload = {"schemaVersion": "1.0", "items": [{"id": "^salary$", "filter": {"tail": 1}}]}
    sent = {"methodName": "GetModuleLogs", "payload": payload, "responseTimeoutInSeconds": 30}
    answered = ask("POST", "/twins/pi/modules/$edgeAgent/methods", sent)[1]
    assert answered["payload"][0]["payload"] == "no model\n"


def test_an_error_of_the_engine_is_reported_and_the_old_module_keeps_running(
    iothub: IotHub, container_engine: ContainerEngine
) -> None:
    iothub.add_device("pi", engine=container_engine.host)
    good = module(container_engine.base, "sleep 3600")
    iothub.apply("pi", content=content(salary=good))
    iothub.settle()
    before = reported(iothub, "salary")
    settings = {"image": "localhost:1/absent:1", "createOptions": "{}"}
    absent = {**good, "imagePullPolicy": "on-create", "settings": settings}
    iothub.apply("pi", content=content(salary=absent))
    iothub.settle()
    status = iothub.agent("pi")["reported"]["lastDesiredStatus"]
    assert status["code"] == 500
    assert "Docker API responded with status code=" in status["description"]
    assert reported(iothub, "salary") == before
    iothub.apply("pi", content=content(salary={**good, "status": "stopped"}))
    assert eventually(lambda: reported(iothub, "salary")["runtimeStatus"] == "failed")  # killed by its StopSignal


def test_no_container_outlives_a_killed_emulator(container_engine: ContainerEngine, tmp_path: Path) -> None:
    emulator = Emulator(program="offline_iothub")
    iothub = IotHub(emulator, tmp_path)
    iothub.add_device("pi", engine=container_engine.host)
    iothub.apply("pi", content=content(salary=module(container_engine.base, "sleep 3600")))
    iothub.settle()
    client = docker.APIClient(container_engine.host)

    def containers() -> list[Any]:
        return list(client.containers(all=True, filters={"name": iothub.host.split(".")[0]}))

    assert len(containers()) == 1
    os.kill(emulator.pid, signal.SIGKILL)
    emulator.close()
    eventually(lambda: not containers())
    client.close()


def test_an_offline_device_starts_its_module_after_it_reconnects(
    iothub: IotHub, container_engine: ContainerEngine
) -> None:
    iothub.add_device("pi", engine=container_engine.host)
    iothub.disconnect("pi")
    iothub.apply("pi", content=content(salary=module(container_engine.base, "sleep 3600")))
    client = docker.DockerClient(container_engine.host)
    assert reported(iothub, "salary") == {}
    assert iothub.host.split(".")[0] not in str([each.name for each in client.containers.list(all=True)])
    iothub.connect("pi")
    iothub.settle()
    assert reported(iothub, "salary")["runtimeStatus"] == "running"
    names = [each.name for each in client.containers.list(all=True)]
    assert f"{iothub.host.split('.')[0]}-pi-salary" in names
    client.close()
