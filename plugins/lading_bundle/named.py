"""Find the files that an entry or a file of an environment names.

A deploy with nothing to do loads no more than this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARKER = re.compile(r"\s+;\s*|;\s+")
PARTS = re.compile(r"(?:(?P<name>[A-Za-z0-9][\w.\-]*) *(?P<extras>\[[^\]]*\])? *@ *)?(?P<address>.+)")
WHEEL = re.compile(r"(?P<path>.+?\.whl)(?P<extras>\[[^\]]*\])?(?P<fragment>#\S*)?")
NESTED = re.compile(r"(?:-r|--requirement)[= ]*(?P<file>[^\s-].*)")
_IN_FILE = re.compile(r"(?<![^\s'\"@])(?:file:(?://)?)?([^\s'\":@]+\.whl)")


def wheel_path(text: str) -> str:
    """The path in an entry that names a wheel of this machine, as written. Empty for any other entry."""
    found = PARTS.fullmatch(MARKER.split(text, maxsplit=1)[0].strip())
    address = found["address"] if found else ""
    local = WHEEL.fullmatch(re.sub("^file:(//(?=/))?", "", address))
    return "" if local is None or re.search("://|%", local["path"]) or ":" in local["path"] else local["path"]


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


def _named_in(file: Path) -> Iterator[Path]:
    for line in file.read_text(encoding="utf-8-sig").splitlines():
        if nested := NESTED.fullmatch(re.sub(r"(^|\s)#.*", "", line).strip()):
            yield file.parent / nested["file"].strip()
        else:
            yield from (file.parent / name for name in _IN_FILE.findall(line))
