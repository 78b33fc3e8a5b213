"""The modules of the project that hold the classes of a declared model."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path


def own_modules(names: Iterable[str], folder: Path) -> tuple[Path, ...]:
    """The files and folders beside the manifest that modules without dots are imported from.

    An installed module of the same name is found first.
    """
    places = (_place(folder.resolve(), name) for name in sorted(names))
    return tuple(place for place in places if place is not None and _is_found_here(place))


def _place(folder: Path, name: str) -> Path | None:
    """The module that Python finds in a folder: a package, else a file, else a folder with modules."""
    package, file = folder / name, folder / f"{name}.py"
    if file.is_file() and not (package / "__init__.py").is_file():
        return file
    return package if any(package.glob("*.py")) else None


def _is_found_here(place: Path) -> bool:
    try:
        spec = importlib.util.find_spec(place.stem)
    except ValueError:  # a module without a specification, such as __main__
        return False
    if spec is None or spec.origin is None:  # any module comes before folders without __init__.py
        return True
    return spec.has_location and Path(spec.origin).resolve() in (place, place / "__init__.py")
