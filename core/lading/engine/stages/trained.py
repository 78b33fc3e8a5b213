"""The output of a training, for the later stages and for the store."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ...model import Column, GoldenRequest, Json, ModelPart, Schema

if TYPE_CHECKING:
    from ...model import TrainedModel
    from ..session.session import Session


@dataclass(frozen=True)
class Trained:
    """A model in the store's files, with the facts that its registration needs.

    `distributions` is the sha256 of the stored snapshot. `modules` are paths relative to the manifest's folder.
    `scoring` is `SHA256/NAME` of the stored scoring script, or empty.
    """

    sha256: str
    file_name: str
    framework: str
    framework_version: str
    python: str
    distributions: str
    run: str | None = None
    columns: tuple[Column, ...] = ()
    label: Column | None = None
    modules: tuple[str, ...] = ()
    samples: tuple[GoldenRequest, ...] = ()
    scoring: str = ""
    schema: Schema | None = None
    parts: tuple[ModelPart, ...] = ()

    @classmethod
    def known(cls, output: Json) -> Trained:
        """Rebuild from the stored form."""
        columns = tuple(_column(pair) for pair in output["columns"])
        label = _column(output["label"]) if output["label"] else None
        samples = tuple(GoldenRequest(request=asked, response=answer) for asked, answer in output["samples"])
        modules = tuple(output["modules"])
        schema = Schema.of(output["schema"]) if output.get("schema") else None
        parts = tuple(ModelPart(**part) for part in output.get("parts", ()))
        rebuilt = {"columns": columns, "label": label, "modules": modules, "samples": samples, "schema": schema}
        return cls(**{**output, **rebuilt, "parts": parts})

    def output(self) -> Json:
        """The stored form."""
        columns = [[column.name, column.dtype] for column in self.columns]
        label = [self.label.name, self.label.dtype] if self.label else None
        samples = [[sample.request, sample.response] for sample in self.samples]
        schema = asdict(self.schema) if self.schema else None
        plain = {"columns": columns, "label": label, "modules": list(self.modules), "samples": samples}
        return {**vars(self), **plain, "schema": schema, "parts": [asdict(part) for part in self.parts]}


def _column(pair: Json) -> Column:
    name, dtype = pair
    return Column(name=name, dtype=dtype)


def keep_trained(session: Session, made: TrainedModel, run: str | None, parts: tuple[ModelPart, ...] = ()) -> Trained:
    """Keep a model's bytes in the store. Returns the model and its facts. `parts` are the models in a folder of all."""
    from .distributions import snapshot  # loaded only if there is something to do
    from .scoring_script import keep_script

    sha256, _path = session.store.files.put(made.file)
    base = session.manifest.file.parent.resolve()
    return Trained(
        sha256=sha256,
        file_name=made.file.name,
        framework=made.framework,
        framework_version=made.framework_version,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        distributions=snapshot(session.store),
        run=run,
        columns=made.columns,
        label=made.label,
        modules=tuple(os.path.relpath(path.resolve(), base) for path in made.modules),
        samples=made.samples,
        scoring=keep_script(session.store.files, made.scoring),
        schema=made.schema,
        parts=parts,
    )
