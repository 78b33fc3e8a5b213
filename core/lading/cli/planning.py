"""The command `plan`: show what a deploy would do, in a few lines or as one JSON document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options, output
from .failure import verbose
from .plain import one_line
from .progress import working

if TYPE_CHECKING:
    from ..model.planning import Plan, Setting

_CHANGES = 10  # the exit code of a plan with changes, if the command line requests it

_COUNTED = {
    "create": "to create",
    "update": "to update",
    "replace": "to replace",
    "reuse": "reused",
    "leave": "left as they are",
}


@click.command()
@options.manifest
@options.targets
@click.option(
    "--from",
    "origin",
    metavar="NAME",
    shell_complete=options.words("targets"),
    help="Compare the settings of this target with those of --target.",
)
@click.option("--strict", is_flag=True, help="Refuse (exit 3) if a setting would be lost.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan for `deploy --plan`."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 10 if a deploy would change something.")
@options.timeout
@options.store
@options.as_json
@verbose
def plan(
    manifest: Path,
    targets: tuple[str, ...],
    origin: str | None,
    strict: bool,
    out: Path | None,
    detailed_exitcode: bool,
    timeout: float | None,
    store: Path | None,
    as_json: bool,
) -> int:
    """Show what a deploy would do, and why.

    Nothing is trained, written or released: the command only asks the targets for their state. Signs: + create, ~
    update, -/+ replace (no release serves meanwhile), = reuse, . leave, ! the target contradicts the store.

    \b
    Examples:
      lading plan manifests/salary.yaml
      lading plan --out today.json && lading deploy --plan today.json
      lading plan --target production --from staging --strict
    """
    from ..python import planning

    with working(as_json=as_json) as on_event:
        made = planning.plan(
            manifest, targets=targets, origin=origin, strict=strict, store=store, timeout=timeout, on_event=on_event
        )
        if out is not None:
            planning.write_plan(made, out)
    if as_json:
        output.document(made)
    else:
        click.echo("\n".join(_lines(made)))
    return _CHANGES if detailed_exitcode and made.has_changes else 0


def _lines(made: Plan) -> Iterator[str]:
    yield from map(one_line, made.lines())
    if made.settings:
        yield ""
        yield from _settings(made.settings)
    yield ""
    yield _summary(made) if made.has_changes else "nothing to do"


def _settings(settings: tuple[Setting, ...]) -> Iterator[str]:
    for origin, target in dict.fromkeys((setting.origin, setting.target) for setting in settings):
        yield f"settings of '{origin}' on '{target}':"
        for setting in settings:
            if (setting.origin, setting.target) == (origin, target):
                detail = f"  {setting.detail}" if setting.detail else ""
                yield f"      {setting.fate:<11}  {setting.name}{detail}"


def _summary(made: Plan) -> str:
    certain = Counter(_COUNTED[stage.action] for stage in made.stages if not stage.known_after)
    waiting = sum(bool(stage.known_after) for stage in made.stages)
    counts = [f"{count} {what}" for what, count in certain.items()]
    return ", ".join([*counts, *([f"{waiting} known later"] if waiting else [])])
