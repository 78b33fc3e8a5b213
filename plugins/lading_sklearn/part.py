"""The rows of one file or query, and how its columns and its bytes are found."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import BadInput, Transient

if TYPE_CHECKING:
    import numpy as np

    Values = list[Any] | np.ndarray[Any, Any]


@dataclass(frozen=True)
class Part:
    """The values of each column, and `place`, which gives the place of a row.

    `is_text` means that the values are the texts of cells.
    """

    columns: Mapping[str, Values]
    rows: int
    place: Callable[[int], str]
    is_text: bool = False


def column_places(where: str, header: Sequence[str], names: Sequence[str], hint: str = "") -> list[int]:
    """The positions of the columns `names` in a header. Raises BadInput for one that is missing or doubled."""
    return [_place(where, header, name, hint) for name in names]


def _place(where: str, header: Sequence[str], name: str, hint: str) -> int:
    found = [place for place, known in enumerate(header) if known == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"{where}: the column {name} exists {len(found)} times", hint="rename all but one")
    same = [known for known in header if known.strip().casefold() == name.strip().casefold()]
    close = same or get_close_matches(name, header, n=1)
    guess = f"did you mean {close[0]}?" if close else f"the table has {', '.join(header)}"
    if header and all(map(_is_number, header)):
        guess = f"the first line has the names of the columns, and here it has {', '.join(header)}"
    raise BadInput(f"{where}: no column {name}", hint=hint or guess)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def content_of(file: Path) -> bytes:
    """The bytes of a file, unpacked if its name ends in `.gz`. Raises BadInput for a folder or a broken gzip file."""
    try:
        content = file.read_bytes()
    except IsADirectoryError:
        raise BadInput(f"{file} is a folder", hint=f"name its files: {file.name}/*.csv") from None
    except OSError as error:
        raise Transient(f"cannot read {file}: {error.strerror}") from error
    if file.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{file}: not a complete gzip file: {error}") from None
