"""Record reads in Python processes that a training started, such as joblib's workers."""

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


with suppress(Exception):  # another Python may lack lading: the training then continues without these records
    from lading.base.reading import follow

    follow()
_run_other_one()
