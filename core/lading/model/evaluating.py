"""The types of the hook that evaluates a model, and the evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from .options import Options, OptionsT_co
from .records import Column, Shown


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest(Generic[OptionsT_co]):
    """A model to measure. `folder` is empty and belongs to the evaluator; `name` is the manifest's.

    `file`, which may be a folder, has the sha256 `sha256`. Load it in a child process only, because a finished model is
    not trustworthy. `modules` are the source files that it needs. `columns` and `label` are what its training recorded.

    `data` is the file to measure on, or a pattern that `lading.matching_files` reads. Without it, measure on the rows
    that the training held out. `training` has the options of the manifest's trainer; it is None if the manifest has no
    training. `metrics` are the names that the manifest requires; the evaluator may also measure others. `plots` says
    whether plots of the model are wanted too.
    """

    name: str
    options: OptionsT_co
    folder: Path
    file: Path
    sha256: str
    framework: str
    columns: tuple[Column, ...] = ()
    label: Column | None = None
    modules: tuple[Path, ...] = ()
    data: Path | None = None
    training: Options | None = None
    metrics: tuple[str, ...] = ()
    plots: bool = False


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The metrics of one model, the most important one first; a value is None if it is not a finite number.

    `greater_is_better` is true or false for each metric with a known direction. `plots` are files in the folder of the
    request, each plot as `NAME.svg`, `NAME.png` or both; NAME has lower-case letters, digits and dashes. The names
    `verdict` and `compared_with`, and those that begin with `compared.`, are reserved.
    """

    metrics: Mapping[str, float | None]
    greater_is_better: Mapping[str, bool] = field(default_factory=dict)
    plots: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Judged(Shown):
    """One metric of a model. `required` is as in the manifest, `compared` the value of the model that it is compared
    with. `failure` says why the model does not pass; it is empty if it does.
    """

    metric: str
    required: str = ""
    new: float | None = None
    compared: float | None = None
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class Evaluation(Shown):
    """The evaluation of a model.

    `compared` names the other model as `NAME:VERSION`; `run` is None for a finished model.

    `plots` are the files of its plots in the store, each as SVG and PNG. A notebook shows those that are SVG.
    """

    run: str | None
    compared: str = ""
    metrics: tuple[Judged, ...] = ()
    plots: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the model does not pass; empty if it does."""
        return tuple(judged.failure for judged in self.metrics if judged.failure)

    @property
    def verdict(self) -> str:
        """`passed`, or `refused` with the reasons."""
        return f"refused: {', '.join(self.failures)}" if self.failures else "passed"

    def _repr_html_(self) -> str:
        from base64 import b64encode
        from html import escape

        shown = [super()._repr_html_()]
        for plot in self.plots:
            if plot.suffix == ".svg" and plot.is_file():
                # An SVG that is shown as an image runs no script.
                source = f"data:image/svg+xml;base64,{b64encode(plot.read_bytes()).decode()}"
                shown.append(f'<img alt="{escape(plot.stem)}" src="{source}">')
        return "".join(shown)
