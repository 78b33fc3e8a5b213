"""A problem that shows itself once a manifest is in use, at its place there."""

from __future__ import annotations

from pathlib import Path

from ..errors import Problem
from .compose import compose
from .document import load
from .records import Path_
from .source import decode, read_bytes


def placed(file: Path, path: Path_, message: str) -> Problem:
    """The problem at the value of `path`, or at the block that it is missing from."""
    name = str(file)
    return load(compose(decode(read_bytes(file), name), name), name).problem(path, message)
