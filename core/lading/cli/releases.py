"""The commands of a service's past: its releases, the way back to one, and cleaning up after them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..model import NoScoringUri
from . import options, output
from .failure import verbose
from .progress import working

if TYPE_CHECKING:
    from ..model import Json
    from ..python.releases import PastRelease
    from ..store.findings import Finding

_METRICS = 5  # that a table has room for


@click.command()
@options.manifest
@options.targets
@options.store
@options.as_json
@verbose
def history(manifest: Path, targets: tuple[str, ...], store: Path | None, as_json: bool) -> None:
    """List the releases of a service, newest first.

    Without --target those on every target of the manifest. No target is asked: it is what the store knows.

    \b
    Example:
      lading history manifests/salary.yaml
    """
    from ..python import releases

    with working(as_json=as_json) as on_event:
        past = releases.history(manifest, targets=targets, store=store, on_event=on_event)
    if as_json:
        output.document([{**vars(one.release), "run": one.run, "metrics": one.metrics} for one in past])
    else:
        output.table([_row(one) for one in past], empty="no releases yet: `lading deploy` makes one")


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
        "model": f"{release.model}:{release.model_version}",
        "metrics": _main(past.metrics),
        "reason": (release.reason or back).partition("\n")[0],
    }


def _main(metrics: Mapping[str, Json]) -> dict[str, float]:
    """The first metrics; not those of the training part where the same are known of the part that was held out."""
    numbers = {name: value for name, value in metrics.items() if isinstance(value, float)}
    main = [name for name in numbers if not (name.startswith("train_") and name.removeprefix("train_") in numbers)]
    return {name: numbers[name] for name in main[:_METRICS]}


@click.command()
@click.argument("words", metavar="[RELEASE] [MANIFEST]", nargs=-1)
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
    """Bring an earlier release up again; print the scoring URI.

    Without RELEASE, a number of `lading history`, it is the last one that served another package. Its package becomes
    a new release, the way of a deploy: it has to answer the samples that it was accepted with, and the release that is
    up serves until then. `lading deploy` brings the manifest's own package back.

    \b
    Examples:
      lading rollback manifests/salary.yaml
      lading rollback 3 manifests/salary.yaml
    """
    from ..python import releases

    to, manifest = _release_and_manifest(words)
    with working("deploy", as_json=as_json) as on_event:
        deployment = releases.rollback(
            manifest, to=to, target=target, store=store, timeout=timeout, lock_wait=lock_wait, on_event=on_event
        )
        found = deployment.address()
    if as_json:
        known = {"service": deployment.service, "target": deployment.target, "release": deployment.release}
        output.document({**known, **vars(found)})
    elif isinstance(found, NoScoringUri):
        click.echo(f"{deployment.target}: up, without a scoring URI: {found.reason}", err=True)
    else:
        click.echo(found.uri)


def _release_and_manifest(words: tuple[str, ...]) -> tuple[int | None, str]:
    """The two are told apart by what they are, so that either may be left out."""
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
    help="Packages to keep of each deployment, to go back to.",
)
@click.option("--yes", is_flag=True, help="Remove it; without this the command only says what it would remove.")
@options.lock_wait
@options.store
@options.as_json
@verbose
def gc(manifest: Path, keep: int, yes: bool, lock_wait: float, store: Path | None, as_json: bool) -> None:
    """Remove what nothing in the store needs.

    It covers every service in the store. Kept are what a release needs that is up or pending, the last packages that
    were up on each deployment, every registered model, and the model of each training's newest run.

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
@click.option("--yes", is_flag=True, help="Do it; without this the command only says what it would do.")
@options.lock_wait
@options.store
@options.as_json
@verbose
def repair(manifest: Path, yes: bool, lock_wait: float, store: Path | None, as_json: bool) -> None:
    """Say what is wrong with the store, and put it right.

    The database is rebuilt from the store's own second record of everything; what is damaged is moved into `damaged`
    in the store, and nothing is lost of it. What only training or packaging can make again, the next deploy makes.

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
    output.table([_found(finding) for finding in found], empty="nothing is wrong with the store")
    able = sum(finding.repairs for finding in found)
    if found:
        what = f"put right: {able}" if yes else f"--yes would put right: {able}"
        click.echo(f"{what} of {len(found)}", err=True)


def _found(finding: Finding) -> dict[str, object]:
    return {name: value for name, value in vars(finding).items() if name != "repairs"}
