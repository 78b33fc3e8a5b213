"""The cost limit for inspecting a hostile model file: a multiple of a harmless file, in the same process."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from lading import InspectRequest
from lading_sklearn import lading_inspect

# The most expensive file costs two and a half times as much as the harmless one.
MAX_COST = 10


@contextmanager
def bounded() -> Iterator[None]:
    """Check that the block costs no more CPU time than a hostile file is allowed."""
    start = time.process_time()
    yield
    assert time.process_time() - start < MAX_COST * _harmless()


@cache
def _harmless() -> float:
    """The CPU time for a harmless file of four megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.pkl")
        file.write_bytes(pickle.dumps([str(number) for number in range(300_000)]))
        start = time.process_time()
        lading_inspect(request=InspectRequest(file=file))
        return time.process_time() - start
