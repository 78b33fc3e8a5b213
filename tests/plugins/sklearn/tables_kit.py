"""Read the columns of a table as a model gets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lading_sklearn.cells import Reading, typed
from lading_sklearn.intake import Takes
from lading_sklearn.table import Table, read_table

ANYTHING = Takes()


def read(folder: Path, content: bytes, *names: str, name: str = "data.csv", **reading: Any) -> dict[str, list[Any]]:
    """The columns of a file, for a model that takes no missing values."""
    file, how, names = folder / name, Reading(**reading), names or ("x", "y")
    file.write_bytes(content)
    table = read_table(str(file), names, how)
    return {name: typed(table.cells(name), Takes(no_missing="Ridge"), how).tolist() for name in names}


def typed_columns(table: Table, *names: str, takes: Takes = ANYTHING, **reading: Any) -> dict[str, list[Any]]:
    return {name: typed(table.cells(name), takes, Reading(**reading)).tolist() for name in names}
