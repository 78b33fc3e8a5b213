"""The host's side of the plots. They are drawn in a child process, and a failure is only a warning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from lading import Context, Json, LadingError

from .working import Work, in_a_child

_MOST_SECONDS = 120.0


def draw(spec: Mapping[str, Json], folder: Path, measuring: Work, context: Context) -> tuple[Path, ...]:
    """Draw the plots of a model in a folder below `folder`, and return the plots that succeeded.

    `measuring` is the work that measured the model. A plot that cannot be drawn is a warning. Raises Interrupted once
    `context.cancelled`.
    """
    if find_spec("matplotlib") is None:
        hint = "pip install 'lading[plots]', then run `lading evaluate --force`"
        context.warn(f"the plots of the model need matplotlib: {hint}")
        return ()
    place = folder / "plots"
    place.mkdir(mode=0o700)
    work = replace(
        measuring,
        module="lading_sklearn.plotting",
        phase="plotting",
        name="the plotting",
        result="plots",
        time_limit=_seconds(context),
    )
    try:
        remarks = in_a_child(work, spec, place, context)["remarks"]
    except LadingError as error:
        remarks = [f"some plots are missing: {error.message}"]
    for remark in remarks:
        context.warn(remark)
    return tuple(sorted(path for path in place.iterdir() if path.suffix in (".svg", ".png")))


def _seconds(context: Context) -> float:
    """The time limit for the plots. It is less than the command has left, so that the command does not fail."""
    left = context.seconds_left
    return _MOST_SECONDS if left is None else max(0.1, min(_MOST_SECONDS, left / 2))
