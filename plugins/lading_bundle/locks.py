"""Read lock files: `uv.lock`, and `pylock.toml` (PEP 751)."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import packaging
from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from .entries import Written, applies
from .wrong import Wrong

_Package = Mapping[str, Any]
_ENVIRONMENTS = ("environments", "supported-markers")  # of pylock.toml and of uv.lock
_AS_WHEEL = "build a wheel with `pip wheel`, and lock that; or publish it"
_MICROS = range(100)  # the micro versions of a Python
_SETS = re.compile(r"\b(?:extras|dependency_groups)\b")  # the variables of a lock of pip in markers
_NEWER = "`pip install 'packaging>=25.0'` reads it"  # which older versions of MLflow do not allow
_FOLDER = "comes from a folder, and a package can only have a wheel of it"


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
        lock = _Lock(file, text, option, content, python)
        lock.check_python()
        lock.check_environments()
        pins = list(read(lock))
    except (LookupError, TypeError, ValueError, AttributeError, StopIteration, RuntimeError):
        message = f"{file.name} is not a lock file of {'pip' if read is _pylock else 'uv'}"
        raise Wrong(message, hint="lock the project again", option=option) from None
    return [
        Written(f"{name}{pin}", option, f"{file.name}:{_line(text, name)}: ", folder=file.parent) for name, pin in pins
    ]


class _Lock:
    """A lock file for a Python."""

    def __init__(self, file: Path, text: str, option: str, content: Mapping[str, Any], python: str) -> None:
        self.content = content
        self._file, self._text, self._option, self._python = file, text, option, python

    def wrong(self, name: str, message: str, hint: str = _AS_WHEEL) -> Wrong:
        place = f"{self._file.name}:{_line(self._text, name)}"
        return Wrong(f"{place}: {name} {message}", hint=hint, option=self._option)

    def check_python(self, package: _Package | None = None) -> None:
        """Raise Wrong if the lock, or one of its packages, is for another Python."""
        requires = (self.content if package is None else package).get("requires-python", "")
        if not requires or any(SpecifierSet(requires).contains(f"{self._python}.{micro}") for micro in _MICROS):
            return
        what = "the lock" if package is None else package["name"]
        line = _line(self._text, package["name"]) if package else _line(self._text, requires, "requires-python")
        raise Wrong(
            f"{self._file.name}:{line}: {what} requires Python {requires}, and the model is made with {self._python}",
            hint=f"lock the project for Python {self._python}, or make the model with the other one",
            option=self._option,
        )

    def check_environments(self) -> None:
        """Raise Wrong if the lock is only for others than this Python and machine. Any micro version may fit."""
        for key in _ENVIRONMENTS:
            markers = self.content.get(key, [])
            if markers and not any(self._holds(marker, key, micro=micro) for marker in markers for micro in _MICROS):
                line = _line(self._text, key)
                raise Wrong(
                    f"{self._file.name}:{line}: the lock is only for {' or '.join(markers)}, and not for "
                    f"Python {self._python} on {sys.platform}",
                    hint=f"lock the project for Python {self._python} on {sys.platform} too",
                    option=self._option,
                )

    def applies(self, item: _Package, extra: str = "") -> bool:
        """Whether the marker of a package or a dependency holds for the Python."""
        return not item.get("marker") or self._holds(item["marker"], item["name"], extra)

    def _holds(self, marker: str, name: str, extra: str = "", micro: int | None = None) -> bool:
        """Whether a marker holds. A lock of pip is read with its default groups, and without extras."""
        groups = frozenset(self.content.get("default-groups", ()))
        try:
            return applies(Marker(marker), self._python, extra, micro, extras=frozenset(), dependency_groups=groups)
        except InvalidMarker:
            message = f"has the marker {marker!r}, which cannot be read"
            is_old = Version(packaging.__version__).major < 25
            hint = _NEWER if is_old and _SETS.search(marker) else "lock the project again"
            raise self.wrong(name, message, hint) from None


def _pylock(lock: _Lock) -> Iterator[tuple[str, str]]:
    """Names, each with `==VERSION` or ` @ ADDRESS`."""
    for package in lock.content.get("packages", ()):
        if not lock.applies(package):
            continue
        lock.check_python(package)
        if "directory" in package or not package.keys() & {"vcs", "archive", "version"}:
            raise lock.wrong(package["name"], _FOLDER)
        yield package["name"], f" @ {_pylock_address(package)}" if _is_pylock_address(package) else _exactly(package)


def _exactly(package: _Package) -> str:
    return f"=={package['version']}"


def _is_pylock_address(package: _Package) -> bool:
    return "vcs" in package or "archive" in package


def _pylock_address(package: _Package) -> str:
    if vcs := package.get("vcs"):
        place = vcs.get("url") or f"file:{vcs['path']}"
        return _repository(vcs["type"], place, vcs["commit-id"], vcs.get("subdirectory"))
    archive = package["archive"]
    return _with_hash(archive.get("url") or archive["path"], archive["hashes"].get("sha256"))


def _uv_address(package: _Package) -> str:
    source, files = package["source"], [*package.get("wheels", ()), package.get("sdist", {})]
    if "git" in source:
        place, commit = source["git"].split("#")[:2]
        place, _mark, query = place.partition("?")
        return _repository("git", place, commit, parse_qs(query).get("subdirectory", [None])[0])
    return _with_hash(source.get("url") or source["path"], files[0].get("hash", "").removeprefix("sha256:"))


def _repository(kind: str, place: str, commit: str, subdirectory: str | None) -> str:
    return f"{kind}+{place}@{commit}" + (f"#subdirectory={subdirectory}" if subdirectory else "")


def _with_hash(place: str, sha256: str | None) -> str:
    return f"{place}#sha256={sha256}" if sha256 else place


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
            is_released = "registry" in found["source"]
            if not is_released and not found["source"].keys() & {"git", "url", "path"}:
                raise lock.wrong(found["name"], _FOLDER)
            if not extra:
                yield found["name"], _exactly(found) if is_released else f" @ {_uv_address(found)}"


def _is_project(package: _Package) -> bool:
    """Whether a package is the project itself, or a member of its workspace."""
    return bool(package["source"].keys() & {"virtual", "editable"})


def _find(packages: list[_Package], need: _Package) -> _Package:
    """The package of a dependency. It names the version if the lock has several."""
    named = (found for found in packages if found["name"] == need["name"])
    return next(found for found in named if need.get("version") in (None, found.get("version")))


def _line(text: str, value: str, key: str = "name") -> int:
    """The line of a package, or of another key with this value, in a lock file. `value` can be a key too."""
    sought = re.escape(value)
    found = re.search(rf'^({key} = "{sought}"|{sought} =)', text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1
