"""The conformance of the target `iot-edge`, on a device of the loopback hub with a real engine."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from container_engine import ContainerEngine
from offline_azure.client import Emulator
from offline_iothub.client import IotHub
from tests.targets.iotedge.iotedge_kit import VARIABLE

from lading.testing import TargetConformance


@pytest.mark.slow
class TestIotEdge(TargetConformance):
    target = "iot-edge"

    @pytest.fixture(scope="class")
    @classmethod
    def hub(
        cls, iothub_emulator: Emulator, container_engine: ContainerEngine, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[IotHub]:
        """A hub with one device, for the whole class."""
        hub = IotHub(iothub_emulator, tmp_path_factory.mktemp("home"))
        hub.add_device("pi", engine=container_engine.host)
        yield hub
        assert hub.calls.failures == []

    @pytest.fixture(scope="class")
    @classmethod
    def target_options(cls) -> Mapping[str, Any]:
        with socket.create_server(("127.0.0.1", 0)) as free:  # parallel test processes share the engine and its ports
            port = free.getsockname()[1]
        device = {"hub": VARIABLE, "device": "pi", "host_port": port, "scoring_host": "127.0.0.1"}
        return {**device, "wait": {"grace": 1, "timeout": 200}}

    @pytest.fixture(scope="class")
    @classmethod
    def target_image(cls, container_engine: ContainerEngine, image_registry: str) -> Mapping[str, str]:
        base, wheels = container_engine.base, str(container_engine.wheels)
        return {"base": base, "wheels": wheels, "repository": f"{image_registry}/conformance"}

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, hub: IotHub, container_engine: ContainerEngine) -> Mapping[str, str]:
        return {**hub.network, VARIABLE: hub.connection_string, "DOCKER_HOST": container_engine.host}

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls, hub: IotHub) -> Callable[[str], Sequence[str]]:
        """The desired modules of the device, and the deployments of the hub."""

        def things(service: str) -> list[str]:
            modules = hub.agent("pi")["desired"].get("modules", {})
            return [name for name in (*modules, *hub.state["configurations"]) if service in name]

        return things
