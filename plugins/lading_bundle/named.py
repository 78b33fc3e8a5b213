"""Find the files that an entry or a file of an environment names.

A deploy with nothing to do loads this module, and not the patterns.
"""

from __future__ import annotations

import re
import shlex
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def wheel_path(text: str) -> str:
    """The path in an entry that names a wheel of this machine, as written. Empty for any other entry.

    An entry whose marker excludes this machine needs no wheel.
    """
    from .patterns import MARKER, PARTS, WHEEL

    entry, *marker = MARKER.split(text, maxsplit=1)
    if marker and not _holds(marker[0]):
        return ""
    found = PARTS.fullmatch(entry.strip())
    address = found["address"] if found else ""
    local = WHEEL.fullmatch(re.sub("^file:(//(?=/))?", "", address))
    return "" if local is None or re.search("://|%", local["path"]) or ":" in local["path"] else local["path"]


def _holds(marker: str) -> bool:
    """Whether a marker holds here. One that cannot be read is reported with its entry."""
    from packaging.markers import InvalidMarker, Marker

    from .entries import THIS_PYTHON, applies

    try:
        return applies(Marker(marker), THIS_PYTHON)
    except InvalidMarker:
        return True


def named_files(file: Path) -> Iterator[Path]:
    """The files that a file of an environment names: wheels, and other files of requirements."""
    todo, seen = [file], {file}
    while todo:
        source = todo.pop()
        with suppress(OSError, UnicodeDecodeError):
            for path in _named_in(source):
                if path not in seen and path.is_file():
                    seen.add(path)
                    yield path
                    todo += [] if path.suffix == ".whl" else [path]


def nested_file(line: str) -> str:
    """The file that a line such as `-r more.txt` names, without quotes. Empty for any other line."""
    from .patterns import NESTED

    found = NESTED.fullmatch(line.strip())
    name = found["file"].strip() if found else ""
    with suppress(ValueError):  # a quote that is not closed
        words = shlex.split(name)
        return words[0] if len(words) == 1 else name
    return name


def _item(line: str) -> str:
    """An item of a list in a conda file, without the quotes of YAML. `- pip: [-r FILE]` has the list in one line."""
    item = re.sub(r"^(- +)?(pip *: *\[ *)?(- +)?|\s*\]$", "", line)
    return item[1:-1] if item[:1] in ("'", '"') and item[-1:] == item[:1] else item


def text_of(file: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 as PowerShell writes it. Raises OSError or UnicodeDecodeError."""
    content = file.read_bytes()
    return content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")


def _named_in(file: Path) -> Iterator[Path]:
    from .patterns import NAMED_WHEEL

    is_conda = file.suffix in (".yml", ".yaml")
    for line in text_of(file).splitlines():
        entry = re.sub(r"(^|\s)#.*", "", line).strip()
        if nested := nested_file(_item(entry) if is_conda else entry):
            yield file.parent / nested
        else:
            yield from (file.parent / name for name in NAMED_WHEEL.findall(line))
