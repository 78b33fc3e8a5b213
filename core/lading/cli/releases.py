"""The commands for the releases of a service: history, rollback, and removal of unused data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..model import NoScoringUri
from . import options, output
from .env_file import env_file
from .failure import verbose
from .plain import one_line
from .progress import working

if TYPE_CHECKING:
    from ..model import Json
    from ..python.releases import PastRelease
    from ..python.standing import Standing
    from ..store.findings import Finding

_ELSEWHERE = "not in this store"
_METRICS = 5  # a table has room for this many


@click.command()
@options.manifest
@options.targets
@options.store
@options.as_json
@verbose
def history(manifest: Path, targets: tuple[str, ...], store: Path | None, as_json: bool) -> None:
    """List the releases of a service, newest first.

    Without --target, covers every target of the manifest. The releases come from the store. If the store has none, or
    none for a target that --target names, the targets are asked. A release that serves there is listed without a
    number, as "not in this store".

    \b
    Example:
      lading history manifests/salary.yaml
    """
    from ..python import releases, standing

    with working(as_json=as_json) as on_event:
        past = releases.history(manifest, targets=targets, store=store, on_event=on_event)
        others = standing.unrecorded(manifest, targets=targets, store=store, on_event=on_event)
    if as_json:
        known = [{**output.release(one.release), "run": one.run, "metrics": one.metrics} for one in past]
        output.document([*map(_document_elsewhere, others), *known])
    else:
        output.table(
            [*map(_row_elsewhere, others), *map(_row, past)],
            empty="no releases yet: `lading deploy` makes one",
            less=("ended", "package", "metrics", "model"),
        )


def _row(past: PastRelease) -> dict[str, object]:
    release = past.release
    back = f"release {release.restores} again" if release.restores else ""
    return {
        "release": release.number,
        "target": release.target,
        "state": release.state,
        "started": release.started,
        "ended": release.ended,
        "package": release.package_digest[:12],
        "model": release.versioned_model,
        "metrics": _main(past.metrics),
        "reason": (release.reason or back).partition("\n")[0],
    }


def _row_elsewhere(found: Standing) -> dict[str, object]:
    blank = dict.fromkeys(("release", "target", "state", "started", "ended", "package", "model", "metrics"), "")
    return {
        **blank,
        "target": found.target,
        "state": found.status.state,
        "package": (found.status.package_digest or "")[:12],
        "reason": _ELSEWHERE,
    }


def _document_elsewhere(found: Standing) -> dict[str, object]:
    """The keys of a release that only the target's tags describe."""
    from dataclasses import fields

    from ..model import Release

    status = found.status
    return {
        **dict.fromkeys(field.name for field in fields(Release)),
        "id": status.release_id,
        "service": found.service,
        "target": found.target,
        "package_digest": status.package_digest,
        "model_sha256": status.model_sha256,
        "state": status.state,
        "reason": _ELSEWHERE,
        "run": None,
        "metrics": {},
    }


def _main(metrics: Mapping[str, Json]) -> dict[str, float]:
    """The main metrics, at most `_METRICS`. A metric of the training part is left out if the held-out part
    has it too.
    """
    numbers = {name: value for name, value in metrics.items() if isinstance(value, float)}
    main = [name for name in numbers if not (name.startswith("train_") and name.removeprefix("train_") in numbers)]
    return {name: numbers[name] for name in main[:_METRICS]}


@click.command()
@click.argument("words", metavar="[RELEASE] [MANIFEST]", nargs=-1, shell_complete=options.words("releases"))
@env_file
@options.target
@options.timeout
@options.lock_wait
@options.store
@options.as_json
@verbose
def rollback(
    words: tuple[str, ...],
    target: str | None,
    timeout: float | None,
    lock_wait: float,
    store: Path | None,
    as_json: bool,
) -> None:
    """Roll back to an earlier release; print the scoring URI.

    RELEASE is a number of `lading history`; by default it is the last release with another package or other
    options. Its package and its options become a new release, as in a deploy. Variables have their present values.
    It must answer the samples that it was accepted with, and the release that is up serves until then. `lading
    deploy` deploys the manifest's own package again.

    \b
    Examples:
      lading rollback manifests/salary.yaml
      lading rollback 3 manifests/salary.yaml
    """
    from ..engine.pipeline import DEPLOY
    from ..python import releases

    to, manifest = _release_and_manifest(words)
    with working(DEPLOY.name, as_json=as_json) as on_event:
        deployment = releases.rollback(
            manifest, to=to, target=target, store=store, timeout=timeout, lock_wait=lock_wait, on_event=on_event
        )
        found = deployment.address()
    if as_json:
        known = {"service": deployment.service, "target": deployment.target, "release": deployment.release}
        output.document({**known, **vars(found)})
    elif isinstance(found, NoScoringUri):
        click.echo(f"{deployment.target}: up, without a scoring URI: {one_line(found.reason)}", err=True)
    else:
        click.echo(found.uri)


def _release_and_manifest(words: tuple[str, ...]) -> tuple[int | None, str]:
    """Distinguish a release and a manifest by their form, so that either can be omitted."""
    numbers, files = ([word for word in words if word.isdecimal() is number] for number in (True, False))
    if len(numbers) > 1 or len(files) > 1:
        raise click.UsageError("name one release, by its number, and one manifest")
    return (click.INT(numbers[0]) if numbers else None), (files[0] if files else options.MANIFEST)


@click.command()
@options.manifest
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    metavar="N",
    help="Number of packages to keep per deployment, for rollbacks.",
)
@click.option("--yes", is_flag=True, help="Remove the data; without --yes the command only lists it.")
@options.lock_wait
@options.store
@options.as_json
@verbose
def gc(manifest: Path, keep: int, yes: bool, lock_wait: float, store: Path | None, as_json: bool) -> None:
    """Remove unused data from the store.

    It covers every service in the store. Kept are what a release needs that is up or pending, the last packages that
    were up on each deployment, every registered model, the model of each training's newest run, and the plots of the
    last evaluation of each run and of each finished model.

    \b
    Examples:
      lading gc
      lading gc --keep 1 --yes
    """
    from ..python import releases

    with working(as_json=as_json) as on_event:
        found = releases.gc(manifest, keep=keep, remove=yes, store=store, lock_wait=lock_wait, on_event=on_event)
    total = sum(item.bytes for item in found)
    if as_json:
        output.document({"removed": yes, "bytes": total, "garbage": [vars(item) for item in found]})
        return
    output.table(
        [{"kind": item.kind, "name": item.name, "size": output.size(item.bytes)} for item in found],
        empty="nothing to remove",
    )
    if found:
        what = f"removed {output.size(total)}" if yes else f"--yes would remove {output.size(total)}"
        click.echo(what, err=True)


@click.command()
@options.manifest
@click.option("--yes", is_flag=True, help="Repair the store; without --yes the command only lists the repairs.")
@options.lock_wait
@options.store
@options.as_json
@verbose
def repair(manifest: Path, yes: bool, lock_wait: float, store: Path | None, as_json: bool) -> None:
    """Check the store and repair it.

    The database is rebuilt from the store's second record of its content. Damaged files are moved into the folder
    `damaged` of the store, not removed. If only training or packaging can make a file again, the next deploy makes it.

    \b
    Examples:
      lading repair
      lading repair --yes
    """
    from ..python import releases

    with working(as_json=as_json) as on_event:
        found = releases.repair(manifest, fix=yes, store=store, lock_wait=lock_wait, on_event=on_event)
    if as_json:
        output.document({"repaired": yes, "findings": [vars(finding) for finding in found]})
        return
    output.table([_found(finding) for finding in found], empty="the store has no problems")
    able = sum(finding.repairs for finding in found)
    if found:
        what = f"repaired: {able}" if yes else f"--yes would repair: {able}"
        click.echo(f"{what} of {len(found)}", err=True)


def _found(finding: Finding) -> dict[str, object]:
    return {name: value for name, value in vars(finding).items() if name != "repairs"}
