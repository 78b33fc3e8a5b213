"""The project that a manifest belongs to."""

from __future__ import annotations

import os
from pathlib import Path

MANIFEST = "lading.yaml"
STORE_FOLDER = ".lading"
_ROOT_MARKS = (STORE_FOLDER, "pyproject.toml", ".git")


def find_manifest(path: str | Path) -> Path:
    """The manifest that a path means: a folder means its `lading.yaml`."""
    return Path(path, MANIFEST) if os.path.isdir(path) else Path(path)  # noqa: PTH112 - Path.is_dir raises for a NUL


def find_project(manifest: Path) -> Path:
    """The nearest folder above the manifest that looks like a project root. Otherwise the manifest's own folder."""
    above = manifest.resolve().parents
    return next((folder for folder in above if any(os.path.lexists(folder / mark) for mark in _ROOT_MARKS)), above[0])
