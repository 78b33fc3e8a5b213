"""The Python and the distributions that a model is made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from lading import Distribution, ExpectedModel

from .entries import Entry


@dataclass
class Origin:
    """The Python and the distributions that a model is made with."""

    model: ExpectedModel
    distributions: Mapping[str, Distribution] = field(init=False)

    def __post_init__(self) -> None:
        self.distributions = self.model.find_distributions()

    def add_wheels(self, entries: Iterable[Entry]) -> None:
        """Count the wheels that entries name as installed."""
        found = {each.name: each.address.distribution for each in entries if each.address and each.address.distribution}
        self.distributions = {**self.distributions, **found}

    @property
    def python(self) -> str:
        return self.model.python

    def providers(self, module: str) -> list[str]:
        """The distributions that a module is imported from, by its name without dots.

        The modules of an editable install are not known. It counts if it has the name of the module.
        """
        same = canonicalize_name(module)
        found = self.distributions.items()
        return [name for name, one in found if module in one.modules or (name == same and not one.modules)]

    def knows_modules(self, names: Iterable[str]) -> bool:
        """Whether the modules of all these distributions are known."""
        return all(name in self.distributions and self.distributions[name].modules for name in names)
