"""The options of an image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from lading import InputPath, Options, Text

if TYPE_CHECKING:
    from lading import Installs

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"(?:{_HOST}/)?{_PATH}(?:/{_PATH})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_CREDENTIALS = re.compile(r"^[a-z+]+://[^/]*@", re.IGNORECASE)

Variable = Annotated[str, Text(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Address = Annotated[str, Text(pattern=r"^(https?|file)://[!-~]+$", max_length=2000)]


@dataclass(frozen=True)
class Credentials(Options):
    username: Variable
    """Name of the variable with the user."""
    password: Variable
    """Name of the variable with the password or token."""


@dataclass(frozen=True)
class DockerOptions(Options):
    """Options of an image. An image with the same inputs is reused, not built or pushed again."""

    base: (
        Annotated[str, Text(pattern=rf"^{_REPOSITORY}(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?$", max_length=500)] | None
    ) = None
    """Base image; by default `python:X.Y-slim`. It must have the package's version of Python as `python3`. It
    must also have pip, unless `wheels` has it.
    """

    platform: Annotated[str, Text(pattern=r"^[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?$", max_length=60)] | None = None
    """Platform to build for, such as `linux/arm64`; by default that of the engine."""

    repository: Annotated[str, Text(pattern=rf"^{_REPOSITORY}$", max_length=255)] | None = None
    """Repository to push the image to, such as `registry.example/team/salary`. Targets then refer to its digest."""

    credentials: Credentials | None = None
    """Credentials for the push, instead of those in Docker's configuration."""

    wheels: InputPath | None = None
    """A folder of wheels to install from, as `pip download` creates it. Then an index is used only if one is named."""

    index_url: Address | None = None
    """The package index, instead of pip's default. An address with a password is refused, because the password would
    stay in the engine's build cache.
    """

    extra_index_urls: tuple[Address, ...] = ()
    """Additional package indexes, also without passwords."""

    trusted_hosts: tuple[Annotated[str, Text(pattern=rf"^{_HOST}$", max_length=255)], ...] = ()
    """Hosts whose certificates pip does not check."""

    @property
    def installs(self) -> Installs:
        from lading import Sources

        from .sources import installs

        sources = Sources(
            index_url=self.index_url,
            extra_index_urls=self.extra_index_urls,
            trusted_hosts=self.trusted_hosts,
            wheels=self.wheels,
        )
        return installs(self.platform, sources, own_base=self.base is not None)

    def __post_init__(self) -> None:
        for name, addresses in (("index_url", (self.index_url or "",)), ("extra_index_urls", self.extra_index_urls)):
            if any(map(_CREDENTIALS.match, addresses)):
                raise ValueError(f"{name}: has a user or password in it; download the wheels and name their folder")
        if self.wheels is not None and not self.wheels.is_dir():
            raise ValueError(f"wheels: not a folder: {self.wheels}")
