"""What is installed, as importlib.metadata finds and reads it, at a fraction of its price.

Importing that module alone would cost a command that has nothing to do a third of its time. A test compares the two
over every kind of installation. What is packed (a zip file on `sys.path`) is left to importlib.metadata itself.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

_SUFFIXES = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class Metadata:
    """The metadata of one installed distribution: a folder, or the one file of an old `.egg-info`.

    `stem` is NAME-VERSION, or NAME alone, and `read` returns the text of a file of it, or None if there is none.
    """

    stem: str
    read: Callable[[str], str | None]

    @property
    def key(self) -> str:
        """The canonical name, by which the first of several on `sys.path` hides the others."""
        return canonical(self.stem.partition("-")[0])

    def header(self, name: str) -> str:
        """The first header of a name (`Name`, `Version`); empty if it is missing."""
        text = self.read("METADATA") or self.read("PKG-INFO") or self.read("") or ""
        for line in text.partition("\n\n")[0].split("\n"):
            field, _, value = line.partition(":")
            if field.lower() == name.lower():
                return value.strip()
        return ""


def canonical(name: str) -> str:
    """The form of a distribution's name in which two spellings are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def installed() -> tuple[Metadata, ...]:
    """Every distribution, in the order of `sys.path`; hidden ones too."""
    return tuple(metadata for folder in sys.path for metadata in _folder(folder or "."))


def version(name: str) -> str | None:
    """The version of an installed distribution; None if it is not installed."""
    key = canonical(name)
    versions = (metadata.header("Version") for metadata in installed() if metadata.key == key)
    return next(filter(None, versions), None)


def _folder(folder: str) -> Iterator[Metadata]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - thousands of names, of which few become paths
    except NotADirectoryError:
        yield from _packed(folder)
        return
    except OSError:
        return
    for name in names:
        if name.lower().endswith(_SUFFIXES):
            yield Metadata(name[: name.rindex(".")], partial(_read, f"{folder}/{name}"))
        elif name.lower() == "egg-info" and folder.lower().endswith(".egg"):
            yield Metadata(Path(folder).stem, partial(_read, f"{folder}/{name}"))


def _packed(file: str) -> Iterator[Metadata]:
    from importlib.metadata import distributions

    for distribution in distributions(path=[file]):
        if distribution.name:  # a half-removed distribution has none
            yield Metadata(canonical(distribution.name).replace("-", "_"), distribution.read_text)


def _read(folder: str, name: str) -> str | None:
    try:
        path = f"{folder}/{name}" if name else folder
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - twice as fast
            return file.read()
    except OSError:
        return None
