"""The target `container` keeps what every target promises, on a real engine."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from container_engine import ContainerEngine

from lading.testing import TargetConformance


@pytest.mark.slow
class TestContainer(TargetConformance):
    target = "container"

    @pytest.fixture(scope="class")
    @classmethod
    def target_image(cls, container_engine: ContainerEngine) -> Mapping[str, str]:
        return {"base": container_engine.base, "wheels": str(container_engine.wheels)}

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, container_engine: ContainerEngine) -> Mapping[str, str]:
        return {"DOCKER_HOST": container_engine.host}
