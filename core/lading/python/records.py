"""Read the records of the store, for notebooks and the command line: runs and model versions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..model import Event
from ..model.records import OnEvent, ignore
from ..store import MANIFEST, StoreToRead, find_manifest, read_store

if TYPE_CHECKING:
    from ..manifest import Draft
    from ..model import ModelVersion, Run


@contextmanager
def reading(manifest: str | Path, store: str | Path | None, on_event: OnEvent) -> Iterator[StoreToRead]:
    """Open the store of a manifest, or the store `store`, for reading. An event warns of anything unusual."""
    with closing(read_store(find_manifest(manifest), os.environ, None if store is None else Path(store))) as opened:
        if opened.remark:
            on_event(warning(opened.remark))
        yield opened


@contextmanager
def drafted(manifest: str | Path, store: str | Path | None, on_event: OnEvent) -> Iterator[tuple[Draft, StoreToRead]]:
    """Read the draft of a manifest, and open its store for reading."""
    from ..manifest import parse, read_bytes  # most commands about records read no manifest

    file = find_manifest(manifest)
    data = read_bytes(file)
    with reading(file, store, on_event) as opened:
        yield parse(file, data, os.environ, opened.memory), opened


def warning(detail: str) -> Event:
    """The event of a warning that is not about a service."""
    return Event(kind="warning", at=datetime.now(UTC), service="", detail=detail)


def list_runs(
    manifest: str | Path = MANIFEST, *, store: str | Path | None = None, on_event: OnEvent = ignore
) -> list[Run]:
    """Every run in the store, newest first."""
    with reading(manifest, store, on_event) as opened:
        return opened.runs.list()


def get_run(
    run: str, manifest: str | Path = MANIFEST, *, store: str | Path | None = None, on_event: OnEvent = ignore
) -> Run | None:
    """Find a run by its id or the beginning of it. Raises BadInput if several runs match."""
    with reading(manifest, store, on_event) as opened:
        return opened.runs.get(run)


def list_plots(
    run: str, manifest: str | Path = MANIFEST, *, store: str | Path | None = None, on_event: OnEvent = ignore
) -> list[Path]:
    """The plot files of a run's last evaluation, each as SVG and PNG. The id of the run must be complete."""
    with reading(manifest, store, on_event) as opened:
        return list(opened.plots.of_run(run))


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


def size_of(model: ModelVersion) -> tuple[int, int]:
    """The total bytes of a model's files, and the number of files. Links are not followed."""
    below = (Path(parent, name) for parent, _folders, names in os.walk(model.file) for name in names)
    files = [path.lstat() for path in (model.file, *below) if path.is_file() and not path.is_symlink()]
    return sum(status.st_size for status in files), len(files)


def get_model(
    name: str,
    version: int | None = None,
    manifest: str | Path = MANIFEST,
    *,
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> ModelVersion | None:
    """Find a model version, by default the newest of that name."""
    with reading(manifest, store, on_event) as opened:
        return opened.models.get(name, version)
