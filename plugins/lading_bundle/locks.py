"""Read lock files: `uv.lock`, and `pylock.toml` (PEP 751)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker

from .entries import Written
from .wrong import Wrong

_ADDRESSES = ("vcs", "directory", "archive")  # of PEP 751
_Package = Mapping[str, Any]


def locked(file: Path, option: str, python: str) -> list[Written]:
    """The pins of a lock file for a Python such as `3.11`. Raises Wrong, with the line, if it cannot be used."""
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise Wrong(f"{file.name} cannot be read: {error}", option=option) from None
    read = _pylock if "lock-version" in content else _uv_lock if "package" in content else None
    if read is None:
        message = f"{file.name} is neither a uv.lock with packages nor a pylock.toml"
        raise Wrong(message, hint="`uv lock` writes one; for others use `requirements`", option=option)
    try:
        pins = list(read(_Lock(file, text, option, content, python)))
    except (LookupError, TypeError, AttributeError, StopIteration, RuntimeError):
        message = f"{file.name} is not a lock file of {'pip' if read is _pylock else 'uv'}"
        raise Wrong(message, hint="lock the project again", option=option) from None
    return [Written(f"{name}=={version}", option, f"{file.name}:{_line(text, name)}: ") for name, version in pins]


class _Lock:
    """A lock file for a Python."""

    def __init__(self, file: Path, text: str, option: str, content: Mapping[str, Any], python: str) -> None:
        self.content = content
        self._file, self._text, self._option, self._python = file, text, option, python

    def wrong(self, name: str, message: str) -> Wrong:
        place = f"{self._file.name}:{_line(self._text, name)}"
        hint = "publish it to a package index and lock it again"
        return Wrong(f"{place}: {name} {message}", hint=hint, option=self._option)

    def applies(self, item: _Package, extra: str = "") -> bool:
        """Whether the marker of a package or a dependency holds for the Python."""
        try:
            marker = Marker(item["marker"]) if item.get("marker") else None
        except InvalidMarker:
            raise self.wrong(item["name"], f"has the marker {item['marker']!r}, which cannot be read") from None
        there = {"python_version": self._python, "python_full_version": f"{self._python}.0", "extra": extra}
        return marker is None or marker.evaluate(there)


def _pylock(lock: _Lock) -> Iterator[tuple[str, str]]:
    for package in lock.content.get("packages", ()):
        if not lock.applies(package):
            continue
        if any(kind in package for kind in _ADDRESSES) or "version" not in package:
            raise lock.wrong(package["name"], "comes from an address, and a package has only released versions")
        yield package["name"], package["version"]


def _uv_lock(lock: _Lock) -> Iterator[tuple[str, str]]:
    """The packages that the project needs, without its groups of development."""
    packages = lock.content["package"]
    roots = [found for found in packages if _is_project(found)]
    seen: set[tuple[str, str]] = set()
    todo = [need for root in roots for need in root.get("dependencies", ()) if lock.applies(need)]
    while todo:
        need = todo.pop()
        found = _find(packages, need)
        for extra in ("", *need.get("extra", ())):
            if (found["name"], extra) in seen or _is_project(found):
                continue
            seen.add((found["name"], extra))
            needs = found.get("optional-dependencies", {}).get(extra, ()) if extra else found.get("dependencies", ())
            todo += [each for each in needs if lock.applies(each, extra)]
            if "registry" not in found["source"]:
                raise lock.wrong(found["name"], "comes from an address, and a package has only released versions")
            if not extra:
                yield found["name"], found["version"]


def _is_project(package: _Package) -> bool:
    """Whether a package is the project itself, or a member of its workspace."""
    return bool(package["source"].keys() & {"virtual", "editable"})


def _find(packages: list[_Package], need: _Package) -> _Package:
    """The package of a dependency. It names the version if the lock has several."""
    named = (found for found in packages if found["name"] == need["name"])
    return next(found for found in named if need.get("version") in (None, found.get("version")))


def _line(text: str, name: str) -> int:
    """The line of a package in a lock file."""
    found = re.search(rf'^name = "{re.escape(name)}"', text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1
