"""The inputs of a build in Azure: a package's source, environment and models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from lading import Context, Package

from .options import EnvironmentOptions
from .port import Image, RegistryAccount
from .registering import ensure_registered

if TYPE_CHECKING:
    from .connection import AzureConnection


def contents(
    package: Package,
    name: str,
    options: EnvironmentOptions,
    server: str,
    context: Context,
    *,
    env: Mapping[str, str] = MappingProxyType({}),
) -> Image:
    """The source, the environment and the models of a package. These are first registered in the workspace.

    `server` is a requirement to add to the environment.
    """
    connection: AzureConnection = context.connection
    return Image(
        name=name,
        source=package.folder / "azureml-app",
        script=package.scoring_script,
        conda=package.folder / "conda.yml",
        server=server,
        models=ensure_registered(connection, package.model, None, str(package.model.version), context),
        base_image=options.base_image,
        dockerfile=text_of(options.dockerfile),
        registry=account(options, context),
        env=env,
    )


def account(options: EnvironmentOptions, context: Context) -> RegistryAccount | None:
    """The private registry of the base image, with the values of the variables that the options name."""
    found = options.base_image_registry
    if found is None:
        return None
    username, password = (context.secret(name).reveal() for name in (found.username, found.password))
    return RegistryAccount(found.address, username, password)


def text_of(file: Path | None) -> str | None:
    return file.read_text(encoding="utf-8") if file else None
