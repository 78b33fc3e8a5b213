"""The commands that trace a release: its origin, and its differences from another one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options, output
from .failure import verbose
from .progress import working

if TYPE_CHECKING:
    from ..model import Json, Release, Run
    from ..python.comparing import Comparison, Difference
    from ..python.provenance import Provenance

_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,52}\b")
_ABSENT = "-"
_PRECISIONS = (6, 9, 12, 17)  # digits of a number: the first that shows the difference
_FILES = 12  # a screen has room for this many


@click.command()
@click.argument("old", metavar="A", type=click.IntRange(min=1), shell_complete=options.words("releases"))
@click.argument("new", metavar="B", type=click.IntRange(min=1), shell_complete=options.words("releases"))
@options.manifest
@options.target
@options.store
@options.as_json
@verbose
def diff(old: int, new: int, manifest: Path, target: str | None, store: Path | None, as_json: bool) -> None:
    """Show the differences between two releases.

    A and B are numbers of `lading history`. Compared are the data, the code, the parameters and the metrics of their
    trainings, the environment, the package, and the options of the target. Only differences are shown. All of it comes
    from the store. Files are compared by their sha256; a variable is shown by its name.

    \b
    Example:
      lading diff 1 2 manifests/salary.yaml
    """
    from ..python import comparing

    with working(as_json=as_json) as on_event:
        found = comparing.diff(old, new, manifest, target=target, store=store, on_event=on_event)
    if as_json:
        output.document(_comparison(found))
        return
    limit = ", as far as they can be compared" if found.notes else ""
    output.table([_row(found, each) for each in found.differences], empty=f"the releases do not differ{limit}")
    for note in found.notes:
        click.echo(note, err=True)


@click.command()
@click.argument("of", metavar="URI|RELEASE", shell_complete=options.words("releases"))
@options.manifest
@options.target
@options.store
@options.as_json
@verbose
def why(of: str, manifest: Path, target: str | None, store: Path | None, as_json: bool) -> None:
    """Show the package, the model, the run and the data of a release.

    RELEASE is a number of `lading history`. A scoring URI leads to the release that is up there, or to the last one
    that was; it can be that of any service in the store. If a canary answers there too, its share is shown.

    \b
    Examples:
      lading why 2 manifests/salary.yaml
      lading why http://127.0.0.1:5001/score manifests/salary.yaml
    """
    from ..python import provenance

    with working(as_json=as_json) as on_event:
        found = provenance.why(of, manifest, target=target, store=store, on_event=on_event)
    if as_json:
        output.document(_document(found))
        return
    lines = [*_lines(found)]
    width = max(len(name) for name, _text in lines)
    for name, text in lines:
        click.echo(f"{name:<{width}}  {text}".rstrip())


def _comparison(found: Comparison) -> dict[str, object]:
    names = ("number", "service", "target", "state", "package_digest", "model", "model_version")
    sides = {
        side: {name: output.release(whole.release)[name] for name in names}
        for side, whole in (("old", found.old), ("new", found.new))
    }
    return {**sides, "differences": found.differences, "notes": found.notes}


def _row(found: Comparison, each: Difference) -> dict[str, object]:
    old, new = ("a value", each.note) if each.note else _texts(each.old, each.new)
    heads = (f"release {side.release.number}" for side in (found.old, found.new))
    return {"group": each.group, "name": each.name, **dict(zip(heads, (old, new), strict=True))}


def _texts(old: Json, new: Json) -> tuple[str, str]:
    """Two different values as different texts."""
    if isinstance(old, float) and isinstance(new, float):
        pairs = ((f"{old:.{digits}g}", f"{new:.{digits}g}") for digits in _PRECISIONS)
        return next(pair for pair in pairs if pair[0] != pair[1])
    return _text(old), _text(new)


def _text(value: Json) -> str:
    return _ABSENT if value is None else _DIGEST.sub(r"\1", output.text(value))


def _document(found: Provenance) -> dict[str, object]:
    package = found.package and {name: value for name, value in vars(found.package).items() if name != "model"}
    records = {"model": found.model and output.record(found.model), "run": found.run and output.record(found.run)}
    return {**vars(found), "release": output.release(found.release), "package": package, **records}


def _lines(found: Provenance) -> Iterator[tuple[str, str]]:
    """The chain from the release to the commit. A missing part has its reason in its place."""
    release, model, run = found.release, found.model, found.run
    yield "release", f"{release.number} of {release.service} on '{release.target}', {_state(release)}"
    if found.traffic and found.traffic.canary:
        canary = found.traffic.canary
        yield "", f"the stable one; release {canary.release}, the canary, gets {canary.weight} % of the requests"
        yield "", f"`lading why {canary.release}` shows the canary"
    yield "package", release.package_digest
    yield from (("", found.missing[part]) for part in ("package",) if part in found.missing)
    made = (f"{model.framework} {model.framework_version}".strip(), f"Python {model.python}") if model else ()
    yield "model", ", ".join(filter(None, (release.versioned_model, *made)))
    yield "", f"sha256 {release.model_sha256}"
    yield from (("", found.missing[part]) for part in ("model",) if part in found.missing)
    if run is not None:
        yield from _run_lines(run)
    elif "run" in found.missing:
        yield "run", f"none: {found.missing['run']}"
    if found.metrics:
        yield "metrics", output.text(found.metrics)


def _run_lines(run: Run) -> Iterator[tuple[str, str]]:
    seconds = f", {(run.ended - run.started).total_seconds():.3g} s" if run.ended else ""
    yield "run", f"{run.id}, started {output.text(run.started)}{seconds}"
    dirty = {True: " with changes in the working tree", False: ", without changes in the working tree", None: ""}
    yield "commit", f"{run.git_commit}{dirty[run.git_dirty]}" if run.git_commit else "none: it was not in a repository"
    yield from _files("data", run.inputs)
    yield from _files("also read", run.reads)
    if run.parameters:
        yield "parameters", output.text(run.parameters)


def _files(name: str, digests: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """The sha256 of each file, in lines as `sha256sum` prints them. A file that did not exist is left out."""
    read = [(digest, path) for path, digest in digests.items() if digest]
    for number, (digest, path) in enumerate(read[:_FILES]):
        yield "" if number else name, f"{digest}  {output.text(path)}"
    if len(read) > _FILES:
        yield "", f"and {len(read) - _FILES} more; --json has them"


def _state(release: Release) -> str:
    came = output.text(release.ended or release.started)
    words = {
        "up": f"up since {came}",
        "superseded": f"superseded; it came up {came}",
        "pending": f"pending since {output.text(release.started)}",
    }
    again = f", release {release.restores} again" if release.restores else ""
    reason = f": {output.text(release.reason.partition(chr(10))[0])}" if release.reason else ""
    return f"{words.get(release.state, f'{release.state} {came}')}{again}{reason}"
