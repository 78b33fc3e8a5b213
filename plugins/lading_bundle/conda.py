"""Conda's names and version syntax, read as requirements of Python distributions."""

from __future__ import annotations

import re

# Where conda calls a distribution otherwise than PyPI does.
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
    """A conda entry as a requirement (PEP 508), `python` itself included; None where it is no entry.

    `x=1.2` is any 1.2, and both `x 1.2` and `x=1.2.3=build` are that version alone, as in conda's match specifications.
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
