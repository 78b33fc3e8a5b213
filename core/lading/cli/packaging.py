"""The stage `package`, and exported packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import options, output
from .failure import verbose
from .progress import working


class StageGroup(click.Group):
    """A stage with subcommands. Arguments that do not begin with the name of a subcommand belong to the
    stage itself.
    """

    allow_extra_args = False
    allow_interspersed_args = True

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        command = self.commands.get(args[0]) if args else None
        if command is None:
            return super().make_context(info_name, args, parent, **extra)
        return command.make_context(f"{info_name} {command.name}", args[1:], parent, **extra)


@click.group(cls=StageGroup, invoke_without_command=True, subcommand_metavar="")
@options.manifest
@options.model("Package this registered version instead of training one.")
@click.option("--force", is_flag=True, help="Package again, even if nothing has changed.")
@options.timeout
@options.store
@options.as_json
@verbose
def package(
    manifest: Path, model: str | None, force: bool, timeout: float | None, store: Path | None, as_json: bool
) -> None:
    """Train, register and package the model.

    \b
    Examples:
      ls "$(lading package manifests/salary.yaml)"
      lading package export salary.tar.gz manifests/salary.yaml
    """
    from ..engine.pipeline import PACKAGE, subjects
    from ..python import deploying as api

    with working(*subjects(PACKAGE, model=model), as_json=as_json) as on_event:
        made = api.package(manifest, model=model, force=force, store=store, timeout=timeout, on_event=on_event)
    if as_json:
        output.document(
            {
                "digest": made.digest,
                "folder": made.folder,
                "scoring_script": made.scoring_script,
                "model": f"{made.model.name}:{made.model.version}",
                "python": made.python,
                "requirements": made.requirements,
            }
        )
    else:
        click.echo(made.folder)


@package.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.manifest
@options.model("Export the package of this registered version.")
@options.timeout
@options.store
@options.as_json
@verbose
def export(
    file: Path, manifest: Path, model: str | None, timeout: float | None, store: Path | None, as_json: bool
) -> None:
    """Write the package and its model into one file, and print its sha256.

    Everybody who has the file can deploy exactly that package: `lading deploy --package FILE --sha256 DIGEST`. If FILE
    ends with .gz or .tgz, it is compressed. The same package gives the same bytes.

    \b
    Example:
      lading package export salary.tar.gz manifests/salary.yaml
    """
    from ..engine.pipeline import PACKAGE, subjects
    from ..python import deploying as api

    with working(*subjects(PACKAGE, model=model), "export", as_json=as_json) as on_event:
        made = api.export_package(file, manifest, model=model, store=store, timeout=timeout, on_event=on_event)
    if as_json:
        output.document({"file": made.file, "sha256": made.sha256, "package": made.package.digest})
    else:
        click.echo(f"{made.sha256}  {made.file}")
