"""Training as the host sees it: a child process of its own session, and what it says when it ends."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import cast

import lading
from lading import Column, Context, Finished, GoldenRequest, Json, TrainedModel, TrainRequest

from .options import SklearnOptions

_UNKNOWN = (
    "the next command trains again: the training read more files than can be compared; name their folders under "
    "train: inputs"
)


def train(request: TrainRequest, context: Context) -> TrainedModel:
    """Fit a model in a child process and return what it says of it.

    Raises BadInput for data or options that cannot be, PluginError where a library is missing, StageFailed where the
    training fails, passes its time limit or is killed, and Interrupted once `context.cancelled`.
    """
    options = cast("SklearnOptions", request.options)
    result = request.folder / "result.json"
    for name in options.env:
        if name in os.environ:
            context.secret(name)  # whatever of it the training prints is masked
    asked = {"samples": request.samples, "project": request.project, "named": request.named}
    spec = json.dumps({**asdict(options), **asked}, default=str)
    finished = lading.run_command(
        _command(options, spec, result),
        timeout=options.time_limit,
        on_line=lambda line: context.progress("training", line),
        cancelled=lambda: context.cancelled,
    )
    if context.cancelled:
        raise lading.Interrupted("the training was interrupted")
    answer = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
    if "error" in answer:
        raise _raised(answer["error"])
    if finished.code != 0 or not answer:
        raise _failure(options, finished)
    if answer["reads"] is None:
        context.warn(_UNKNOWN)
    return _trained(request.folder, options, answer)


def _command(options: SklearnOptions, spec: str, result: Path) -> lading.Command:
    # A fixed hash seed gives sets one order, and so the same training the same bytes.
    env = lading.child_environment(options.env, PYTHONHASHSEED="0", PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    argv = (sys.executable, "-m", "lading_sklearn.child", str(result))
    return lading.Command(argv, result.parent, env, stdin=f"{spec}\n")


def _raised(error: dict[str, str | None]) -> lading.LadingError:
    failure: type[lading.LadingError] = getattr(lading, error["kind"] or "")
    return failure(error["message"] or "", hint=error["hint"])


def _failure(options: SklearnOptions, finished: Finished) -> lading.StageFailed:
    name = options.script.name if options.script else "the training"
    reason, hint = _ending(options, finished.code)
    last_lines = "".join(f"\n  {line}" for line in finished.tail)
    return lading.StageFailed(f"{name} {reason}" + (f"; its last lines:{last_lines}" if last_lines else ""), hint=hint)


def _ending(options: SklearnOptions, code: int | None) -> tuple[str, str | None]:
    """How a child ended that left no result, and what to do about it."""
    if code is None:
        return f"passed its time limit of {options.time_limit:g} s", "raise time_limit under train"
    if code < 0:
        name = signal.Signals(-code).name
        return f"was killed by {name}", "is there enough memory?" if name == "SIGKILL" else None
    if code == 0:
        return "ended before it returned a model", None
    return f"ended with exit code {code}", None


def _trained(folder: Path, options: SklearnOptions, answer: dict[str, Json]) -> TrainedModel:
    return TrainedModel(
        file=folder / answer["file"],
        framework="scikit-learn",
        framework_version=answer["framework_version"],
        parameters=answer["parameters"],
        metrics=answer["metrics"],
        columns=tuple(Column(**column) for column in answer["columns"]),
        label=Column(**answer["label"]) if answer["label"] else None,
        modules=(options.script,) if options.script else (),
        samples=tuple(GoldenRequest(**sample) for sample in answer["samples"]),
        reads=None if answer["reads"] is None else {Path(path): stamp for path, stamp in answer["reads"].items()},
    )
