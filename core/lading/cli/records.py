"""The commands that look at what the store keeps: runs and model versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BadInput
from ..model.records import OnEvent, ignore
from . import options, output
from .failure import verbose
from .progress import working

if TYPE_CHECKING:
    from ..model import ModelVersion, Run


@click.group()
def run() -> None:
    """Look at training runs.

    \b
    Example:
      lading run list
    """


@run.command("list")
@options.manifest
@options.store
@options.as_json
@verbose
def run_list(manifest: Path, store: Path | None, as_json: bool) -> None:
    """List every run, newest first.

    \b
    Example:
      lading run list manifests/salary.yaml --json
    """
    from ..python import records

    with working(as_json=as_json) as on_event:
        runs = records.list_runs(manifest, store=store, on_event=on_event)
    if as_json:
        output.document([output.record(found) for found in runs])
        return
    rows = [
        {
            "run": found.id,
            "name": found.name,
            "state": found.state,
            "started": found.started,
            "seconds": _seconds(found),
            "metrics": {name: value for name, value in found.metrics.items() if isinstance(value, float)},
        }
        for found in runs
    ]
    output.table(rows, empty="no runs yet: `lading train` makes one")


@run.command("show")
@click.argument("run")
@options.manifest
@options.store
@options.as_json
@verbose
def run_show(run: str, manifest: Path, store: Path | None, as_json: bool) -> None:
    """Show one run; the first characters of its id are enough.

    \b
    Example:
      lading run show 20250131-1200
    """
    with working(as_json=as_json) as on_event:
        record = output.record(_run(run, manifest, store, on_event))
    if as_json:
        output.document(record)
    else:
        output.facts(record)


@run.command("compare")
@click.argument("first")
@click.argument("second")
@options.manifest
@options.store
@options.as_json
@verbose
def run_compare(first: str, second: str, manifest: Path, store: Path | None, as_json: bool) -> None:
    """Show where two runs differ: parameters, metrics, inputs, reads, libraries.

    \b
    Example:
      lading run compare 20250131-1200 20250201-0900
    """
    with working(as_json=as_json) as on_event:
        rows = _differences(_run(first, manifest, store, on_event), _run(second, manifest, store))
    if as_json:
        output.document(rows)
    else:
        exact = [{name: str(value) for name, value in row.items()} for row in rows]
        output.table(exact, empty="the runs do not differ")


def _run(run: str, manifest: Path, store: Path | None, on_event: OnEvent = ignore) -> Run:
    from ..python import records

    found = records.get_run(run, manifest, store=store, on_event=on_event)
    if found is None:
        raise BadInput(f"there is no run '{run}'", hint="`lading run list` shows those that there are")
    return found


def _differences(first: Run, second: Run) -> list[dict[str, object]]:
    rows = []
    for what in ("parameters", "metrics", "inputs", "reads", "libraries"):
        one, other = getattr(first, what), getattr(second, what)
        rows += [
            {"what": what, "name": name, first.id: one.get(name), second.id: other.get(name)}
            for name in dict.fromkeys((*one, *other))
            if one.get(name) != other.get(name)
        ]
    return rows


def _seconds(run: Run) -> float | None:
    return round((run.ended - run.started).total_seconds(), 2) if run.ended else None


@click.group()
def model() -> None:
    """Look at registered models.

    \b
    Example:
      lading model list
    """


@model.command("list")
@options.manifest
@options.store
@options.as_json
@verbose
def model_list(manifest: Path, store: Path | None, as_json: bool) -> None:
    """List every model version, newest first, with what other registries call it.

    \b
    Example:
      lading model list --json
    """
    from ..python import records

    with working(as_json=as_json) as on_event:
        models = records.list_models(manifest, store=store, on_event=on_event)
    if as_json:
        output.document([output.record(found) for found in models])
        return
    rows = [
        {
            "model": f"{found.name}:{found.version}",
            "created": found.created,
            "sha256": found.sha256[:12],
            "framework": f"{found.framework} {found.framework_version}",
            "run": found.run,
            "tags": found.tags,
            "registered": {reference.registry: reference.version for reference in found.references},
        }
        for found in models
    ]
    output.table(rows, empty="no models yet: `lading register` makes one")


@model.command("show")
@click.argument("model", metavar="NAME[:VERSION]")
@options.manifest
@options.store
@options.as_json
@verbose
def model_show(model: str, manifest: Path, store: Path | None, as_json: bool) -> None:
    """Show one model version, the newest where none is named.

    \b
    Example:
      lading model show sal_model:1
    """
    with working(as_json=as_json) as on_event:
        record = output.record(_model(model, manifest, store, on_event))
    if as_json:
        output.document(record)
    else:
        output.facts(record)


@model.command("inspect")
@click.argument("model", metavar="FILE|NAME[:VERSION]")
@options.manifest
@options.store
@options.as_json
@verbose
def model_inspect(model: str, manifest: Path, store: Path | None, as_json: bool) -> int:
    """Show what a model file would import, without loading it.

    Its opcodes are read and never obeyed. Imports are known (of the framework's
    own libraries), dangerous (they can run code, or reach files or a network)
    or other. Exit code 3: something is dangerous, or the file could not be
    followed to its end. It is an aid and no gate: what looks harmless here may
    not be, so load no model from someone you do not trust.

    \b
    Examples:
      lading model inspect model.joblib
      lading model inspect sal_model:1 --json
    """
    from ..plugin import catalogue

    file = Path(model)
    with working(as_json=as_json) as on_event:
        found = catalogue.describe_model(file if file.is_file() else _model(model, manifest, store, on_event).file)
    contents = found.contents
    if contents is None:
        raise BadInput(f"the trainer '{catalogue.DEFAULT_TRAINER}' cannot say what {model} holds")
    summary = {
        "file": found.file,
        "size": contents.size,
        "format": contents.format,
        "protocol": contents.protocol,
        "framework": found.framework,
        "framework_version": found.framework_version,
        "classes": contents.classes,
        "complete": contents.complete,
    }
    rows = [vars(each) for each in sorted(contents.imports, key=lambda each: (each.kind, each.module, each.name))]
    if as_json:
        output.document({**summary, "imports": rows})
    else:
        output.facts(summary)
        click.echo()
        output.table(rows, empty="it imports nothing")
    return 3 if contents.dangerous or not contents.complete else 0


def _model(reference: str, manifest: Path, store: Path | None, on_event: OnEvent) -> ModelVersion:
    from ..python import records

    name, _, number = reference.partition(":")
    if number and not (number.isascii() and number.isdigit()):
        raise BadInput(f"'{reference}' is not NAME:VERSION, such as sal_model:3")
    found = records.get_model(name, int(number) if number else None, manifest, store=store, on_event=on_event)
    if found is None:
        raise BadInput(f"there is no model '{reference}'", hint="`lading model list` shows those that there are")
    return found
