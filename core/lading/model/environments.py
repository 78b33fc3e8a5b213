"""What another machine installs for a package: the parts that a plugin declares, and the outcome that it gets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """Where pip looks for distributions. Without any, it looks where the machine is configured to look.

    `wheels` is a folder of wheels. Without an index beside it, no index is asked.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    wheels: Path | None = None

    @property
    def no_index(self) -> bool:
        return self.wheels is not None and self.index_url is None and not self.extra_index_urls


@dataclass(frozen=True)
class Installs:
    """What another machine installs beside the pins of a package, and for which platform (`linux/amd64`).

    `adds` are requirements in order of preference. The first that fits the pins is installed beside them; none is
    when a pin names one of them.
    """

    platform: str = "linux/amd64"
    adds: tuple[str, ...] = ()
    sources: Sources = Sources()


@dataclass(frozen=True)
class Environment:
    """Requirements that were found to fit together: the pins of a package and `added`, which is empty without any.

    `note` says why that one was chosen, when there was a choice.
    """

    requirements: tuple[str, ...]
    added: str = ""
    note: str = ""
