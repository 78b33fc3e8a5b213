"""The commands that show records of the store: runs and model versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BadInput
from . import options, output
from .failure import verbose
from .progress import working

if TYPE_CHECKING:
    from ..model import FileContents, ModelVersion, Run
    from ..model.records import OnEvent
    from ..store import StoreToRead


@click.group()
def run() -> None:
    """Show training runs.

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
@click.argument("run", shell_complete=options.words("runs"))
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
    from ..python import records

    with working(as_json=as_json) as on_event, records.reading(manifest, store, on_event) as opened:
        found = _run(run, opened)
        plots = list(opened.plots.of_run(found.id))
    record = {**output.record(found), "plots": plots}
    if as_json:
        output.document(record)
    else:
        output.facts(record)


@run.command("compare")
@click.argument("first", shell_complete=options.words("runs"))
@click.argument("second", shell_complete=options.words("runs"))
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
    from ..python import records

    with working(as_json=as_json) as on_event, records.reading(manifest, store, on_event) as opened:
        rows = _differences(_run(first, opened), _run(second, opened))
    if as_json:
        output.document(rows)
    else:
        exact = [{name: str(value) for name, value in row.items()} for row in rows]
        output.table(exact, empty="the runs do not differ")


def _run(run: str, store: StoreToRead) -> Run:
    found = store.runs.get(run)
    if found is None:
        raise BadInput(f"run '{run}' does not exist", hint="`lading run list` shows the runs")
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
    """Show registered models.

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
    """List every model version, newest first, with its names in other registries.

    \b
    Example:
      lading model list --json
    """
    from ..python import records

    with working(as_json=as_json) as on_event:
        models = records.list_models(manifest, store=store, on_event=on_event)
    if as_json:
        output.document([_model_record(found) for found in models])
        return
    rows = [
        {
            "model": f"{found.name}:{found.version}",
            "created": found.created,
            "sha256": found.sha256[:12],
            "size": _size(found),
            "framework": f"{found.framework} {found.framework_version}",
            "run": found.run,
            "tags": found.tags,
            "registered": {reference.registry: reference.version for reference in found.references},
        }
        for found in models
    ]
    output.table(rows, empty="no models yet: `lading register` makes one")


@model.command("show")
@click.argument("model", metavar="NAME[:VERSION]", shell_complete=options.words("models"))
@options.manifest
@options.store
@options.as_json
@verbose
def model_show(model: str, manifest: Path, store: Path | None, as_json: bool) -> None:
    """Show one model version, by default the newest.

    \b
    Example:
      lading model show sal_model:1
    """
    with working(as_json=as_json) as on_event:
        found = _model(model, manifest, store, on_event)
    if as_json:
        output.document(_model_record(found))
    else:
        parts = [part.place for part in found.parts]
        output.facts({**output.record(found), "parts": parts, "size": _size(found)})


@model.command("inspect")
@click.argument("model", metavar="FILE|FOLDER|NAME[:VERSION]")
@options.manifest
@options.store
@options.as_json
@verbose
def model_inspect(model: str, manifest: Path, store: Path | None, as_json: bool) -> int:
    """Show what a model would import, without loading it.

    The opcodes are read and never executed. An import is known (listed as harmless), dangerous (it can run code, or
    reach files or a network) or other. In a folder, each pickle is read; write the folder with a slash, as in ./forest.
    Exit code 3 means that an import is dangerous, or that the file could not be read to its end. A deploy refuses
    each import that is not known, unless the manifest trusts it. This is not a guarantee: a model that looks harmless
    here may still do harm. Never load a model from someone you do not trust.

    \b
    Examples:
      lading model inspect model.joblib
      lading model inspect sal_model:1 --json
    """
    from ..plugin import catalogue

    file = Path(model)
    named = file.is_file() or ("/" in model and file.is_dir())
    with working(as_json=as_json) as on_event:
        found = catalogue.describe_model(file if named else _model(model, manifest, store, on_event).file)
    contents = found.contents
    if contents is None:
        raise BadInput(f"the trainer '{catalogue.DEFAULT_TRAINER}' cannot inspect {model}")
    summary = {
        "file": found.file,
        "size": contents.size,
        "format": contents.format,
        "protocol": contents.protocol,
        "framework": found.framework,
        "framework_version": found.framework_version,
        "classes": contents.classes,
        "holds": contents.holds,
        "complete": contents.complete,
    }
    if contents.format == "folder":
        summary["files"] = [name if each.complete else f"{name} (incomplete)" for name, each in contents.files.items()]
    rows = _imports(contents)
    if as_json:
        output.document({**summary, "imports": rows})
    else:
        output.facts(summary)
        click.echo()
        output.table(rows, empty="it imports nothing")
    return 3 if contents.dangerous or not contents.complete else 0


def _imports(contents: FileContents) -> list[dict[str, object]]:
    """The imports of a model. For a folder, each import has the file that would do it."""
    files = {"": contents} if contents.format != "folder" else contents.files
    rows = [({"file": name} if name else {}) | vars(one) for name, each in files.items() for one in each.imports]
    return sorted(rows, key=lambda row: [str(row[key]) for key in ("kind", "module", "name")])


def _model_record(model: ModelVersion) -> dict[str, object]:
    from ..python import records

    size, files = records.size_of(model)
    return {**output.record(model), "size": size, "files": files}


def _size(model: ModelVersion) -> str:
    from ..python import records

    size, files = records.size_of(model)
    return output.size(size) + (f" in {files} files" if model.file.is_dir() else "")


def _model(reference: str, manifest: Path, store: Path | None, on_event: OnEvent) -> ModelVersion:
    from ..python import records

    name, _, number = reference.partition(":")
    if number and not (number.isascii() and number.isdigit()):
        raise BadInput(f"'{reference}' is not NAME:VERSION, such as sal_model:3")
    found = records.get_model(name, int(number) if number else None, manifest, store=store, on_event=on_event)
    if found is None:
        raise BadInput(f"model '{reference}' does not exist", hint="`lading model list` shows the models")
    return found
