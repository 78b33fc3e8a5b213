"""`init`: write a project that deploys without changes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BadInput
from .failure import verbose
from .installed import manifest_schema

if TYPE_CHECKING:
    from ..model import TrainedModel

_TEMPLATES = Path(__file__).parent / "templates"
_SCHEMA = "lading.schema.json"
_REFUSED = "  # The model is refused"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option(
    "--model",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A finished model (a joblib or pickle file) to serve; it is inspected, never unpickled.",
)
@verbose
def init(folder: Path, model: Path | None) -> None:
    """Create a project that is ready to deploy.

    The JSON Schema beside the manifest lets an editor complete and check it. Write it again after you install a plugin:
    lading schema > lading.schema.json

    \b
    Examples:
      lading init salary && cd salary && lading deploy
      lading init --model model.joblib
    """
    files = _training(folder) if model is None else _finished(folder, model)
    files[_SCHEMA] = ""  # made last, because it imports all plugins
    taken = [str(folder / name) for name in files if (folder / name).exists()]
    if taken:
        raise BadInput(f"{', '.join(taken)} exists already", hint="name another folder, or remove it first")
    files[_SCHEMA] = f"{manifest_schema()}\n"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
        click.echo(f"wrote {folder / name}", err=True)
    where = "" if folder == Path() else f"cd {folder} && "
    is_refused = model is not None and _REFUSED in files["lading.yaml"]
    first = f"read the comment under register: in {folder / 'lading.yaml'}, then " if is_refused else ""
    click.echo(f"next: {first}{where}lading deploy", err=True)


def _training(folder: Path) -> dict[str, str]:
    rows = "".join(f"{spend},{3 * spend + 10}\n" for spend in range(20))
    text = (_TEMPLATES / "train.yaml").read_text(encoding="utf-8")
    return {"lading.yaml": text.format(name=_service_name(folder)), "data/sales.csv": f"spend,sales\n{rows}"}


def _finished(folder: Path, model: Path) -> dict[str, str]:
    from ..base import metadata
    from ..plugin import catalogue

    described = catalogue.describe_model(model)
    framework, needed = described.framework, described.framework_version
    if described.contents and not described.contents.is_pickle and not needed:
        raise BadInput(
            f"{model} is not a pickle (format: {described.contents.format}), so it needs a scoring script",
            hint="write a manifest with register.file and package.scoring_script",
        )
    if described.contents and described.contents.holds:
        raise BadInput(
            f"{model} holds {described.contents.holds},"
            " and the default scoring script needs a fitted model with predict()",
            hint="save the fitted model alone, or write a manifest with register.file and package.scoring_script",
        )
    installed = metadata.version(framework) if framework else None
    if not (needed or installed):
        maker = f"version of {framework}" if framework else "library"
        raise BadInput(f"the {maker} that saved {model} is unknown", hint="save the fitted estimator with joblib")
    if not needed:  # models of other libraries, such as XGBoost, do not record it
        click.echo(f"{model} does not say its {framework}: it gets {installed}, which is installed here", err=True)
    here = not needed or needed == installed
    isolated = f"{{port: 0, python: isolated}}  # the {framework} of the model, not this one"
    text = (_TEMPLATES / "finished.yaml").read_text(encoding="utf-8")
    return {
        "lading.yaml": text.format(
            name=_service_name(folder),
            model=json.dumps(re.sub(r"[^A-Za-z0-9_.-]", "-", model.stem).lstrip("_.-") or "model"),
            file=json.dumps(os.path.relpath(model, folder)),
            environment=f" {{conda: [{framework}]}}" if here else _pinned(described),
            local="{port: 0}" if here else isolated,
            trust=_trust(model, described),
        )
    }


def _pinned(described: TrainedModel) -> str:
    """The environment of a model of another version. Warns if its versions cannot be found."""
    from ..engine.stages.fitting import fitting_pins

    click.echo(f"finding versions that fit {described.framework} {described.framework_version}", err=True)
    try:
        pins = fitting_pins(described)
    except BadInput as error:
        click.echo("\n  ".join((f"warning: {error.message}", *([error.hint] if error.hint else []))), err=True)
        pins = (f"{described.framework}=={described.framework_version}",)
    return "\n    pip:" + "".join(f"\n      - {pin}" for pin in pins)


def _trust(model: Path, described: TrainedModel) -> str:
    """The comment about a model that is refused, with the line that trusts it. Also warns of its imports."""
    from ..engine.stages.admission import Loading, refusal, trust_line

    loading = Loading.of(described)
    refused = refusal(loading, model.name)
    if refused is None:
        return ""
    click.echo(f"warning: {refused.message}\n  {refused.hint}", err=True)
    line = trust_line(loading)
    if not line:
        return f"{_REFUSED}. `lading model inspect` shows its imports.\n"
    return f"{_REFUSED} without this line. Remove the `#` only if you trust its author:\n  # {line}\n"


def _service_name(folder: Path) -> str:
    """The folder's name as a service name: lower-case letters, digits and dashes, 3 to 32 characters."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:32].strip("-")
    return name if re.fullmatch(r"[a-z][a-z0-9-]{2,31}", name) else "my-service"
