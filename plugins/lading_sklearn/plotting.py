"""The plotting process: `python -m lading_sklearn.plotting RESULT`. It loads the model and draws its plots."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from lading import Json

from .child import main
from .drawing import drawing, write
from .measuring import load, read_rows


def plot(spec: Mapping[str, Json], folder: Path) -> dict[str, Json]:
    """Write the plots of the model that `spec` names into a folder. The answer has the failed plots with
    their reasons.
    """
    from .figures import figures

    remarks = []
    model = load(spec)
    with drawing():
        for name, draw in figures(model, read_rows(spec, model)):
            try:
                write(draw(), folder, name)
            except Exception as error:  # a model can raise any exception
                remarks.append(f"the plot {name} is missing: {error}")
    return {"remarks": remarks}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), plot))
