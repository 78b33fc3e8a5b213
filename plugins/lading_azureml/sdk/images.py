"""The content of a service for the SDK: an environment and an inference configuration."""

from __future__ import annotations

from typing import Any

from azureml.core import Environment
from azureml.core.model import InferenceConfig

from ..port import Image


def inference_config(image: Image) -> Any:
    """The package's source folder, script and pinned environment, with the server that Azure's images start."""
    return InferenceConfig(
        entry_script=image.script, source_directory=str(image.source), environment=_environment(image)
    )


def _environment(image: Image) -> Any:
    environment = Environment.from_conda_specification(f"{image.name}-env", str(image.conda))
    environment.environment_variables = dict(image.env)  # the SDK's default is an example variable
    if image.server:
        environment.python.conda_dependencies.add_pip_package(image.server)
    if image.base_image:
        environment.docker.base_image = image.base_image
    if image.dockerfile:
        environment.docker.base_image = None
        environment.docker.base_dockerfile = image.dockerfile
    if image.base_image or image.dockerfile:
        environment.inferencing_stack_version = "latest"  # Azure ML's own images already have it
    if image.registry:
        registry = environment.docker.base_image_registry
        registry.address, registry.username = image.registry.address, image.registry.username
        registry.password = image.registry.password
    return environment
