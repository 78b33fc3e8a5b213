"""What the store keeps, for notebooks and for cli: runs and model versions."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING

from .store import Store, find_store

if TYPE_CHECKING:
    from .model import ModelVersion, Run

MANIFEST = "lading.yaml"


def open_store(manifest: str | Path, store: str | Path | None) -> AbstractContextManager[Store]:
    """The store of a manifest, or the one that `store` names."""
    return closing(Store.open(find_store(Path(manifest), os.environ, None if store is None else Path(store))))


def list_runs(manifest: str | Path = MANIFEST, *, store: str | Path | None = None) -> list[Run]:
    """Every run in the store, newest first."""
    with open_store(manifest, store) as opened:
        return opened.runs.list()


def get_run(run: str, manifest: str | Path = MANIFEST, *, store: str | Path | None = None) -> Run | None:
    """A run by its id or a prefix of it. Raises BadInput where several runs begin so."""
    with open_store(manifest, store) as opened:
        return opened.runs.get(run)


def list_models(
    manifest: str | Path = MANIFEST, *, name: str | None = None, store: str | Path | None = None
) -> list[ModelVersion]:
    """Every model version in the store, newest first."""
    with open_store(manifest, store) as opened:
        return list(opened.models.list(name))


def get_model(
    name: str, version: int | None = None, manifest: str | Path = MANIFEST, *, store: str | Path | None = None
) -> ModelVersion | None:
    """A model version, by default the newest of that name."""
    with open_store(manifest, store) as opened:
        return opened.models.get(name, version)
