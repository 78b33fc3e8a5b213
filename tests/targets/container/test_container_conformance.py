"""The conformance of the target `container`, with a real engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls, container_engine: ContainerEngine) -> Callable[[str], Sequence[str]]:
        """The containers with the label that all of them have."""
        names = ("ps", "--all", "--format", "{{.Names}}", "--filter")
        return lambda service: container_engine.docker(*names, f"label=lading.service={service}").split()
