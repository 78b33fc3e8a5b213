"""Installed distributions: the versions that a model was trained with, and the pins of its packages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...model import Distribution

if TYPE_CHECKING:
    from ...store import Store


def snapshot(store: Store) -> str:
    """Store a record of every installed distribution, and return its sha256."""
    with store.scratch() as folder:
        file = folder / "distributions.json"
        found = {name: [d.version, d.requires] for name, d in _installed().items()}
        file.write_text(json.dumps(found), encoding="utf-8")
        return store.files.put(file)[0]


def recorded(store: Store, sha256: str) -> Mapping[str, Distribution]:
    """The distributions of a snapshot, by canonical name."""
    found = json.loads(store.files.path(sha256).read_text(encoding="utf-8"))
    return {
        name: Distribution(version=version, requires=tuple(requires)) for name, (version, requires) in found.items()
    }


def _installed() -> dict[str, Distribution]:
    from importlib.metadata import distributions

    from packaging.utils import canonicalize_name

    found: dict[str, Distribution] = {}
    for distribution in distributions():
        metadata = distribution.metadata
        if metadata and (name := metadata["Name"]):  # a half-removed distribution has no metadata
            requires = tuple(sorted(distribution.requires or ()))
            found.setdefault(canonicalize_name(name), Distribution(version=distribution.version, requires=requires))
    return dict(sorted(found.items()))
