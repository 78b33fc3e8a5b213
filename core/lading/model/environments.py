"""The installation of a package on another machine: the parts that a plugin declares, and the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The sources from which pip installs. Without any, the configuration of the machine applies.

    `wheels` is a folder of wheels. Without an index beside it, no index is asked.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    wheels: Path | None = None

    @property
    def no_index(self) -> bool:
        return self.wheels is not None and self.index_url is None and not self.extra_index_urls


@dataclass(frozen=True, kw_only=True)
class Installs:
    """The requirements that another machine installs beside the pins of a package, and its platform (`linux/amd64`).

    `adds` are requirements in order of preference. The first that fits the pins is installed beside them. If a pin
    names one of them, none is installed. `has_wheels` is whether the wheels in the package are there, so that it can
    install them. `without_git` is the way out for git addresses, if git is not there. With `here`, this machine
    installs it into another Python, with its own configuration of pip.
    """

    platform: str = "linux/amd64"
    adds: tuple[str, ...] = ()
    sources: Sources = Sources()
    has_wheels: bool = False
    without_git: str = ""
    here: bool = False

    def obstacle(self, url: str) -> tuple[str, str]:
        """Why the address of a requirement cannot be installed there, and the way out. Both are empty if it can."""
        if url.startswith("file:") and not self.has_wheels:
            return "a wheel of this machine does not get there", "publish it, and name its URL or NAME==VERSION"
        if url.startswith("git+file:"):
            return "a git repository of this machine is not there", "build a wheel (`pip wheel`), and name that"
        if url.startswith("git+") and self.without_git:
            return "git is not there", self.without_git
        return "", ""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Requirements that fit together: the pins of a package and `added`, which can be empty.

    `note` says why that one was chosen, when there was a choice.
    """

    requirements: tuple[str, ...]
    added: str = ""
    note: str = ""
