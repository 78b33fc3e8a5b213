"""`init`: a project that deploys as it is."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import click

from ..errors import BadInput
from .failure import verbose

_TEMPLATES = Path(__file__).parent / "templates"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option(
    "--model",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A finished model (a joblib or pickle file) to serve; it is read, and never loaded.",
)
@verbose
def init(folder: Path, model: Path | None) -> None:
    """Write a project that deploys as it is.

    \b
    Examples:
      lading init salary && cd salary && lading deploy
      lading init --model model.joblib
    """
    files = _training(folder) if model is None else _finished(folder, model)
    taken = [str(folder / name) for name in files if (folder / name).exists()]
    if taken:
        raise BadInput(f"{', '.join(taken)} exists already", hint="name another folder, or remove it first")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
        click.echo(f"wrote {folder / name}", err=True)
    where = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"next: {where}lading deploy", err=True)


def _training(folder: Path) -> dict[str, str]:
    rows = "".join(f"{spend},{3 * spend + 10}\n" for spend in range(20))
    text = (_TEMPLATES / "train.yaml").read_text(encoding="utf-8")
    return {"lading.yaml": text.format(name=_service_name(folder)), "data/sales.csv": f"spend,sales\n{rows}"}


def _finished(folder: Path, model: Path) -> dict[str, str]:
    from ..base import metadata
    from ..plugin import catalogue

    needed = catalogue.describe_model(model).framework_version
    if not needed:
        raise BadInput(f"{model} does not say which scikit-learn made it", hint="save the fitted estimator with joblib")
    here = needed == metadata.version("scikit-learn")
    text = (_TEMPLATES / "finished.yaml").read_text(encoding="utf-8")
    return {
        "lading.yaml": text.format(
            name=_service_name(folder),
            model=json.dumps(re.sub(r"[^A-Za-z0-9_.-]", "-", model.stem).lstrip("_.-") or "model"),
            file=json.dumps(os.path.relpath(model, folder)),
            environment="{conda: [scikit-learn]}" if here else f"{{pip: [scikit-learn=={needed}]}}",
            local="{port: 0}" if here else "{port: 0, python: isolated}  # the scikit-learn of the model, not this one",
        )
    }


def _service_name(folder: Path) -> str:
    """The folder's name as the name of a service: lower-case letters, digits and dashes, 3 to 32 of them."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:32].strip("-")
    return name if re.fullmatch(r"[a-z][a-z0-9-]{2,31}", name) else "my-service"
