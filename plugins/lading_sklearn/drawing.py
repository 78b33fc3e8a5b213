"""Write figures as SVG and PNG. Only this module imports matplotlib, and only in the process that draws.

Neither pyplot nor a window is used: each figure is an object, drawn by Agg. The same figure always gives the same SVG.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_NAME = 40
_STYLE: Any = {  # newer stubs of matplotlib know each key, older ones do not
    "svg.hashsalt": "lading",  # otherwise the ids in an SVG are random
    "svg.fonttype": "none",  # text stays text: small, and in the reader's font
    "text.parse_math": False,  # otherwise a name with `$` is read as a formula
    "agg.path.chunksize": 10_000,
}


class NothingToDraw(Exception):
    """The reason why a plot shows nothing about this model on these rows."""


@contextmanager
def drawing() -> Iterator[None]:
    """Use one style for all figures, independent of the user's settings of matplotlib."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing glyph, or a deprecated name in a library of matplotlib
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_STYLE)
            yield


def new_figure(width: float = 6.4, height: float = 4.8) -> Figure:
    """An empty figure, `width` by `height` inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def write(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as `name`.svg and `name`.png. Each file is either complete or absent."""
    svg, png = BytesIO(), BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Title": name})
    figure.savefig(png, format="png", dpi=100)
    for kind, drawn in (("svg", svg), ("png", png)):
        part = folder / f"{name}.{kind}.part"
        part.write_bytes(drawn.getvalue())
        part.rename(folder / f"{name}.{kind}")


def shown(name: object) -> str:
    """The label of a class or a column in a plot: one short line that every XML reader accepts."""
    text = str(name)[: 10 * _LONGEST_NAME]
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"
