"""The formats of files of rows, by the ends of their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import BadInput

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
GZIP = ".gz"


def named_format(file: Path) -> str | None:
    """The format of a file by the end of its name. None if it is none of `FORMATS`; Parquet compresses itself."""
    ending = file.suffix.lower()
    found = FORMATS.get(Path(file.stem).suffix.lower() if ending == GZIP else ending)
    return None if ending == GZIP and found == "parquet" else found


def format_of(file: Path) -> str:
    """The format of a file by the end of its name. Raises BadInput if it is not the name of a table."""
    found = named_format(file)
    if found is None:
        raise BadInput(f"{file} is not a table that can be scored", hint=f"name a file that ends with {_ENDINGS}")
    if found == "parquet":
        use_parquet(file, lambda _parquet: None)
    return found


_ENDINGS = ", ".join(f"{ending}[.gz]" if name != "parquet" else ending for ending, name in FORMATS.items())


def use_parquet(file: Path, use: Callable[[Any], Any]) -> Any:
    """Return the result of `use` for the module `pyarrow.parquet`. Raises BadInput without it, or for another file."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise BadInput(f"{file} needs pyarrow", hint="pip install 'lading[parquet]'") from None
    try:
        return use(parquet)
    except pa.ArrowException as error:
        raise BadInput(f"{file} is not Parquet: {str(error).splitlines()[0]}") from None
