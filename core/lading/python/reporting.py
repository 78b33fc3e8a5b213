"""The report of a store: its runs, models, releases and packages on one HTML page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING

from ..model import GoldenRequest, ModelVersion, Package, Release, Run
from ..model.records import OnEvent, ignore
from ..store import MANIFEST
from .page import Html, details, figure, page, table
from .records import reading, size_of

if TYPE_CHECKING:
    from ..store import StoreToRead

_SHOWN = 12  # characters of a digest


def report(manifest: str | Path = MANIFEST, *, store: str | Path | None = None, on_event: OnEvent = ignore) -> str:
    """One HTML page about everything in the store of a manifest. It needs no other file and no network.

    Golden requests that were recorded from training data are counted, and their content is left out.
    """
    with reading(manifest, store, on_event) as opened:
        return page(
            "Lading report",
            {
                "Runs": _runs(opened),
                "Models": [table([_model(each) for each in opened.models.list()])],
                "Releases": [table([_release(opened, each) for each in opened.releases.list()])],
                "Packages": _packages(opened),
            },
        )


def _runs(store: StoreToRead) -> Iterator[Html]:
    runs = store.runs.list()
    yield table([_run(run) for run in runs])
    for run in runs:
        for plot in store.plots.of_run(run.id):
            if plot.suffix == ".svg":
                yield figure(plot, f"{plot.stem} · run {run.id}")


def _run(run: Run) -> dict[str, object]:
    return {
        "run": run.id,
        "name": run.name,
        "state": run.state,
        "started": run.started,
        "seconds": (run.ended - run.started).total_seconds() if run.ended else None,
        "metrics": run.metrics,
        "parameters": details(f"{len(run.parameters)}", starmap("{} = {}".format, run.parameters.items())),
        "git commit": f"{(run.git_commit or '')[:_SHOWN]}{' with changes' if run.git_dirty else ''}",
        "error": run.error,
    }


def _model(model: ModelVersion) -> dict[str, object]:
    bytes_, _files = size_of(model)
    return {
        "model": f"{model.name}:{model.version}",
        "created": model.created,
        "framework": f"{model.framework} {model.framework_version}",
        "python": model.python,
        "file": ", ".join(part.place for part in model.parts) or model.file_name,
        "bytes": bytes_,
        "run": model.run,
        "tags": model.tags,
        "columns": [f"{column.name}: {column.dtype}" for column in model.columns],
        "also in": [f"{other.registry}: {other.name} {other.version}" for other in model.references],
    }


def _release(store: StoreToRead, release: Release) -> dict[str, object]:
    return {
        "release": release.number,
        "service": release.service,
        "target": release.target,
        "state": release.state,
        "started": release.started,
        "ended": release.ended,
        "package": release.package_digest[:_SHOWN],
        "model": release.versioned_model,
        "golden requests": _golden(release, store.models.get(release.model, release.model_version)),
        "reason": release.reason,
    }


def _golden(release: Release, model: ModelVersion | None) -> Html:
    recorded = model.samples if model else ()
    asked = release.golden_requests or ()
    written = [each for each in asked if each not in recorded]
    count = f"{len(asked)}, of which {len(asked) - len(written)} recorded" if asked else ""
    return Html(details(count, map(_exchange, written)) or count)


def _exchange(golden: GoldenRequest) -> str:
    return f"{json.dumps(golden.request)} → {json.dumps(golden.response)}"


def _packages(store: StoreToRead) -> Iterator[Html]:
    """Each package of a release once, the newest first."""
    known = dict.fromkeys((each.package_digest, each.model, each.model_version) for each in store.releases.list())
    found = ((digest, store.models.get(name, version)) for digest, name, version in known)
    packages = (store.packages.get(digest, model) for digest, model in found if model)
    yield table([_package(package) for package in packages if package])


def _package(package: Package) -> dict[str, object]:
    files = (path for path in sorted(package.folder.rglob("*")) if path.is_file())
    return {
        "package": package.digest[:_SHOWN],
        "model": f"{package.model.name}:{package.model.version}",
        "python": package.python,
        "scoring script": package.scoring_script,
        "requirements": details(f"{len(package.requirements)}", package.requirements),
        "files": [f"{path.relative_to(package.folder)} ({path.stat().st_size} bytes)" for path in files],
    }
