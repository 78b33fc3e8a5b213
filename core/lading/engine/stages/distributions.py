"""Installed distributions: the versions that a model was trained with, and the pins of its packages."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ...model import Distribution

if TYPE_CHECKING:
    from importlib import metadata

    from ...store import Store


def snapshot(store: Store) -> str:
    """Store a record of every installed distribution, and return its sha256."""
    with store.scratch() as folder:
        file = folder / "distributions.json"
        found = {name: [d.version, d.requires, d.modules] for name, d in installed().items()}
        file.write_text(json.dumps(found), encoding="utf-8")
        return store.files.put(file)[0]


def recorded(store: Store, sha256: str) -> Mapping[str, Distribution]:
    """The distributions of a snapshot, by canonical name. Earlier versions kept no modules."""
    found = json.loads(store.files.path(sha256).read_text(encoding="utf-8"))
    return {
        name: Distribution(version=version, requires=tuple(requires), modules=tuple(*modules))
        for name, (version, requires, *modules) in found.items()
    }


def installed() -> dict[str, Distribution]:
    """The distributions that this Python can import, by canonical name."""
    from importlib.metadata import distributions

    from packaging.utils import canonicalize_name

    found: dict[str, Distribution] = {}
    for distribution in distributions():
        metadata = distribution.metadata
        if metadata and (name := metadata["Name"]):  # a half-removed distribution has no metadata
            requires = tuple(sorted(distribution.requires or ()))
            one = Distribution(version=distribution.version, requires=requires, modules=_modules(distribution))
            found.setdefault(canonicalize_name(name), one)
    return dict(sorted(found.items()))


def _modules(distribution: metadata.Distribution) -> tuple[str, ...]:
    """The top-level modules of a distribution: those that it declares, else those among its files."""
    declared = (distribution.read_text("top_level.txt") or "").split()
    return tuple(sorted({name for name in declared or _among_files(distribution) if _is_module(name)}))


def _is_module(name: str) -> bool:
    return name.isidentifier() and not name.startswith("__")  # __pycache__, and the finder of an editable install


def _among_files(distribution: metadata.Distribution) -> Iterator[str]:
    for line in (distribution.read_text("RECORD") or "").splitlines():
        top, slash, _rest = line.partition(",")[0].partition("/")
        yield top if slash else inspect.getmodulename(top) or ""
