"""What a manifest may say of the image."""

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
    """An image is found again by what it is made from, and then neither built nor pushed anew."""

    base: (
        Annotated[str, Text(pattern=rf"^{_REPOSITORY}(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?$", max_length=500)] | None
    ) = None
    """Image to build on; it must have the package's version of Python as `python3`, and pip unless `wheels` has that.
    Where none is given: `python:X.Y-slim`.
    """

    platform: Annotated[str, Text(pattern=r"^[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?$", max_length=60)] | None = None
    """Platform to build for, such as `linux/arm64`; the engine's own where none is given."""

    repository: Annotated[str, Text(pattern=rf"^{_REPOSITORY}$", max_length=255)] | None = None
    """Where the image is pushed, such as `registry.example/team/salary`. It is then referred to by its digest."""

    credentials: Credentials | None = None
    """For the push, instead of what the configuration of Docker has for that registry."""

    wheels: InputPath | None = None
    """A folder of wheels to install from, as `pip download` fills it. No index is then asked, unless one is named."""

    index_url: Address | None = None
    """The package index, instead of pip's own. An address with a password in it is refused: it would stay in the
    engine's build cache.
    """

    extra_index_urls: tuple[Address, ...] = ()
    """Further package indexes; likewise."""

    trusted_hosts: tuple[Annotated[str, Text(pattern=rf"^{_HOST}$", max_length=255)], ...] = ()
    """Hosts whose certificate pip does not check."""

    @property
    def installs(self) -> Installs:
        from lading import Sources

        from .sources import installs

        sources = Sources(self.index_url, self.extra_index_urls, self.trusted_hosts, self.wheels)
        return installs(self.platform, sources)

    def __post_init__(self) -> None:
        for name, addresses in (("index_url", (self.index_url or "",)), ("extra_index_urls", self.extra_index_urls)):
            if any(map(_CREDENTIALS.match, addresses)):
                raise ValueError(f"{name}: has a user or password in it; download the wheels and name their folder")
        if self.wheels is not None and not self.wheels.is_dir():
            raise ValueError(f"wheels: not a folder: {self.wheels}")
