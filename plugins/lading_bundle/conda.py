"""Read Conda's names and version syntax as requirements of Python distributions."""

from __future__ import annotations

import re

# Distributions whose name in conda differs from the name on PyPI.
_DISTRIBUTIONS = {
    "dask-core": "dask",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "numpy-base": "numpy",
    "opencv": "opencv-python",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "pytables": "tables",
    "python-duckdb": "duckdb",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-kaleido": "kaleido",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "tensorflow-cpu": "tensorflow",
}
_ENTRY = re.compile(r"(?:[\w.\-/]+::)?(?P<name>[A-Za-z0-9][\w.\-]*) *(?P<version>[^\s].*)?")
_VERSION = re.compile(r"(?P<fuzzy>=?) *(?P<version>\w[\w.!+]*?)(?P<wild>\.?\*)? *(?P<build>= *[\w.*]+)?")


def requirement(entry: str) -> str | None:
    """A conda entry as a requirement (PEP 508), including `python` itself; None if it is not a valid entry.

    Conda's match specifications apply: `x=1.2` means any 1.2. Both `x 1.2` and `x=1.2.3=build` mean exactly that
    version.
    """
    found = _ENTRY.fullmatch(entry.strip(" "))
    if found is None:
        return None
    name = _DISTRIBUTIONS.get(found["name"].lower(), found["name"])
    version = _VERSION.fullmatch(found["version"] or "")
    if version is None:
        return f"{name} {found['version'] or ''}"
    any_of_these = version["wild"] or (version["fuzzy"] and not version["build"])
    return f"{name}=={version['version']}{'.*' if any_of_these else ''}"
