"""Devices with containers: what they are told runs on a real engine, and they report what the engine says."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest
from hub_client import HubClient
from offline_azure.client import Emulator
from offline_iothub.client import IotHub, content

pytestmark = pytest.mark.slow

SERVE = "mkdir /srv; cd /srv; echo $ANSWER > score; exec python3 -m http.server 5001"


def module(image: str, command: str, env: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    text = json.dumps({"Entrypoint": ["sh", "-c", command], "StopSignal": "SIGKILL", **options})
    pieces = {f"createOptions{number:02}": text[number * 512 :][:512] for number in range(1, 1 + len(text) // 512)}
    return {
        "type": "docker",
        "status": "running",
        "restartPolicy": "always",
        "imagePullPolicy": "never",
        "settings": {"image": image, "createOptions": text[:512], **pieces},
        "env": {name: {"value": value} for name, value in (env or {}).items()},
    }


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


@pytest.fixture
def engine() -> str:
    return os.environ["DOCKER_HOST"]


@pytest.fixture
def image() -> str:
    return "base:1"


def reported(iothub: IotHub, name: str) -> dict[str, Any]:
    found: dict[str, Any] = iothub.agent("pi")["reported"]["modules"].get(name, {})
    return found


def test_an_update_replaces_one_module_and_no_neighbour(
    iothub: IotHub, engine: str, image: str, ask: HubClient
) -> None:
    iothub.add_device("pi", engine=engine)
    neighbour = module(image, "sleep 3600")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "HostConfig": {"PortBindings": {"5001/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}},
        "ExposedPorts": {"5001/tcp": {}},
        "Labels": {"long": "x" * 600},
    }

    def told(answer: str) -> dict[str, Any]:
        return content(neighbour=neighbour, salary=module(image, SERVE, {"ANSWER": answer}, **options))

    def scored() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/score", timeout=5) as answer:
                return str(answer.read().decode().strip())
        except OSError:
            return ""  # not yet

    assert ask("POST", "/devices/pi/applyConfigurationContent", told("one"))[0] == 204
    iothub.settle()
    before = reported(iothub, "neighbour")
    assert (before["runtimeStatus"], before["exitCode"]) == ("running", 0)
    assert until(lambda: reported(iothub, "salary").get("runtimeStatus")) == "running"
    assert until(scored) == "one"
    settings = reported(iothub, "salary")["settings"]
    joined = "".join(text for key, text in sorted(settings.items()) if key.startswith("createOptions"))
    assert json.loads(joined)["HostConfig"] == options["HostConfig"]

    assert ask("POST", "/devices/pi/applyConfigurationContent", told("two"))[0] == 204
    iothub.settle()
    assert until(scored) == "two"
    assert reported(iothub, "neighbour") == before  # started once, and never again
    assert reported(iothub, "salary")["restartCount"] == 0


def test_a_crash_loop_is_reported_as_the_agent_sees_it(iothub: IotHub, engine: str, image: str, ask: HubClient) -> None:
    iothub.add_device("pi", engine=engine)
    iothub.apply("pi", content=content(salary=module(image, "echo no model; exit 3")))
    until(lambda: reported(iothub, "salary").get("restartCount", 0) > 1)
    seen = until(lambda: (found := reported(iothub, "salary"))["runtimeStatus"] == "backoff" and found)
    assert (seen["exitCode"], seen["statusDescription"]) == (3, "exited")
    assert seen["lastExitTimeUtc"] > "2"  # it is the first of year 1 where it never did
    assert iothub.agent("pi")["reported"]["lastDesiredStatus"] == {"code": 200, "description": ""}
    payload = {"schemaVersion": "1.0", "items": [{"id": "^salary$", "filter": {"tail": 1}}]}
    sent = {"methodName": "GetModuleLogs", "payload": payload, "responseTimeoutInSeconds": 30}
    answered = ask("POST", "/twins/pi/modules/$edgeAgent/methods", sent)[1]
    assert answered["payload"][0]["payload"] == "no model\n"


def test_what_the_engine_refuses_is_reported_and_the_old_module_runs_on(
    iothub: IotHub, engine: str, image: str
) -> None:
    iothub.add_device("pi", engine=engine)
    good = module(image, "sleep 3600")
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
    assert until(lambda: reported(iothub, "salary")["runtimeStatus"] == "failed")  # killed, as its StopSignal says


def test_no_container_outlives_an_emulator_that_was_killed(engine: str, image: str, tmp_path: Path) -> None:
    emulator = Emulator(program="offline_iothub")
    iothub = IotHub(emulator, tmp_path)
    iothub.add_device("pi", engine=engine)
    iothub.apply("pi", content=content(salary=module(image, "sleep 3600")))
    iothub.settle()
    client = docker.APIClient(engine)

    def containers() -> list[Any]:
        return list(client.containers(all=True, filters={"name": iothub.host.split(".")[0]}))

    assert len(containers()) == 1
    os.kill(emulator.pid, signal.SIGKILL)
    emulator.close()
    until(lambda: not containers())
    client.close()


def test_a_device_that_was_offline_starts_its_module_when_it_is_back(iothub: IotHub, engine: str, image: str) -> None:
    iothub.add_device("pi", engine=engine)
    iothub.disconnect("pi")
    iothub.apply("pi", content=content(salary=module(image, "sleep 3600")))
    client = docker.DockerClient(engine)
    assert reported(iothub, "salary") == {}
    assert iothub.host.split(".")[0] not in str([each.name for each in client.containers.list(all=True)])
    iothub.connect("pi")
    iothub.settle()
    assert reported(iothub, "salary")["runtimeStatus"] == "running"
    names = [each.name for each in client.containers.list(all=True)]
    assert f"{iothub.host.split('.')[0]}-pi-salary" in names
    client.close()
