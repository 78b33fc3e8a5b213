"""The Python and the distributions that a model is made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from lading import Distribution, ExpectedModel

from .entries import Entry
from .imports import Imported
from .namespaces import Layout, is_bare_folder, is_namespace, is_regular, layout, owners


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
        """The distributions that a module is imported from. Dots count only inside a namespace package.

        The modules of an editable install are not known. It counts if it has the name of the module.
        """
        top = module.partition(".")[0]
        same = canonicalize_name(top)
        found = self.distributions.items()
        names = [name for name, one in found if top in one.modules or (name == same and not one.modules)]
        return owners(module, self._layouts(names)) if module != top and self._is_shared(top, names) else names

    def parts(self, imported: Imported) -> list[Imported]:
        """An import as the modules that are compared: `from google.cloud import storage` is `google.cloud.storage`."""
        names = self.providers(imported.top)
        if "*" in imported.names or not self._is_shared(imported.top, names):
            return [imported]
        layouts, module = self._layouts(names), imported.module
        is_open = is_namespace(module) or any(found and module in found.modules for found in layouts.values())
        if not is_open or is_regular(module, layouts):
            return [imported]
        return [imported._replace(module=f"{module}.{name}") for name in imported.names] or [imported]

    def _is_shared(self, top: str, names: list[str]) -> bool:
        """Whether several distributions may have modules in a top module."""
        if len(names) > 1 or is_namespace(top):
            return True
        return any(is_bare_folder(name, top) for name in names)

    def _layouts(self, names: list[str]) -> dict[str, Layout | None]:
        return {name: layout(name, self.distributions[name].version) for name in names}

    def knows_modules(self, names: Iterable[str]) -> bool:
        """Whether the modules of all these distributions are known."""
        return all(name in self.distributions and self.distributions[name].modules for name in names)
