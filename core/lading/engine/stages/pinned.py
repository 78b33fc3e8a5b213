"""The pins of a package that is made, or of one that is expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

if TYPE_CHECKING:
    from ...model import Distribution, ExpectedModel, ExpectedPin, Package


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """The pins of a package, and the Python that they are for, such as `3.11`.

    `find_distributions` gives those of the model. `named` are the pins of an expected package, by canonical name.
    """

    requirements: tuple[str, ...]
    python: str
    find_distributions: Callable[[], Mapping[str, Distribution]]
    named: Mapping[str, ExpectedPin] = field(default_factory=dict)

    @property
    def foreign(self) -> tuple[str, ...]:
        """The pins that are not installed where the model is made. An address is left out: no index knows it."""
        distributions = self.find_distributions()
        return tuple(line for line in self.requirements if not _is_installed(Requirement(line), distributions))

    @classmethod
    def of(cls, package: Package) -> Pinned:
        return cls(
            requirements=package.requirements,
            python=package.python,
            find_distributions=lambda: package.model.distributions,
        )

    @classmethod
    def expected(cls, pins: Sequence[ExpectedPin], model: ExpectedModel) -> Pinned:
        return cls(
            requirements=tuple(pin.requirement for pin in pins),
            python=model.python,
            find_distributions=model.find_distributions,
            named={canonicalize_name(Requirement(pin.requirement).name): pin for pin in pins},
        )


def _is_installed(pin: Requirement, distributions: Mapping[str, Distribution]) -> bool:
    found = distributions.get(canonicalize_name(pin.name))
    with suppress(InvalidVersion):
        return bool(pin.url or (found and pin.specifier.contains(found.version, prereleases=True)))
    return False
