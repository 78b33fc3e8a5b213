"""What the store keeps, for notebooks and for cli: runs and model versions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..model import Event
from ..model.records import OnEvent, ignore
from ..store import StoreToRead, read_store

if TYPE_CHECKING:
    from ..model import ModelVersion, Run

MANIFEST = "lading.yaml"


@contextmanager
def reading(manifest: str | Path, store: str | Path | None, on_event: OnEvent) -> Iterator[StoreToRead]:
    """The store of a manifest, or the one that `store` names, to be read; an event says what is odd about it."""
    with closing(read_store(Path(manifest), os.environ, None if store is None else Path(store))) as opened:
        if opened.remark:
            on_event(warning(opened.remark))
        yield opened


def warning(detail: str) -> Event:
    """The event of a warning that concerns no service."""
    return Event("warning", datetime.now(UTC), "", detail=detail)


def list_runs(
    manifest: str | Path = MANIFEST, *, store: str | Path | None = None, on_event: OnEvent = ignore
) -> list[Run]:
    """Every run in the store, newest first."""
    with reading(manifest, store, on_event) as opened:
        return opened.runs.list()


def get_run(
    run: str, manifest: str | Path = MANIFEST, *, store: str | Path | None = None, on_event: OnEvent = ignore
) -> Run | None:
    """A run by its id or a prefix of it. Raises BadInput where several runs begin so."""
    with reading(manifest, store, on_event) as opened:
        return opened.runs.get(run)


def list_models(
    manifest: str | Path = MANIFEST,
    *,
    name: str | None = None,
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> list[ModelVersion]:
    """Every model version in the store, newest first."""
    with reading(manifest, store, on_event) as opened:
        return list(opened.models.list(name))


def get_model(
    name: str,
    version: int | None = None,
    manifest: str | Path = MANIFEST,
    *,
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> ModelVersion | None:
    """A model version, by default the newest of that name."""
    with reading(manifest, store, on_event) as opened:
        return opened.models.get(name, version)
