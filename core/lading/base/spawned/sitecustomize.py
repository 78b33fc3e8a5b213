"""Start of a Python process that a training started: it takes note of what it reads too, as workers of joblib do."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path


def _run_other_one() -> None:
    """Import the `sitecustomize` that this one hides."""
    sys.path.remove(str(Path(__file__).parent))
    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        sys.modules["sitecustomize"] = module = module_from_spec(spec)
        spec.loader.exec_module(module)


with suppress(Exception):  # such as another Python, which has no lading: the training goes on without its notes
    from lading.base.reading import follow

    follow()
_run_other_one()
