"""Read the address of a distribution: a wheel on this machine, a URL, or a git repository."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from lading import Distribution

from .patterns import MARKER, PARTS, WHEEL
from .wheels import contents

IS_ADDRESS = re.compile(
    r"://|^(git|hg|svn|bzr)\+|^file:|^(\.{0,2}|~)/|^\.|\\|\.(whl|zip|tar\.gz|tar\.bz2|conda)(\[[^\]]*\])?(#\S*)?$"
)
_COMMIT = re.compile("[0-9a-f]{40}")
_HASHES = {"sha256": 64, "sha384": 96, "sha512": 128}
_REPOSITORIES = ("git+https", "git+http", "git+ssh", "git+git", "git+file")
_BUILD = "build a wheel with `pip wheel --no-deps --wheel-dir wheels PATH`, and name that file"
_NAME_IT = "write NAME @ ADDRESS"


@dataclass(frozen=True)
class Address:
    """An address with the name that it has in a requirement, such as `thing @ https://…/thing-1.0-py3-none-any.whl`.

    `version` is empty if the address does not show it. `wheel` is a file of this machine, with its `distribution`.
    """

    requirement: Requirement
    version: str = ""
    wheel: Path | None = None
    distribution: Distribution | None = None

    @property
    def url(self) -> str:
        return self.requirement.url or ""

    @property
    def is_git(self) -> bool:
        return self.url.startswith("git+")

    @property
    def has_hash(self) -> bool:
        """Whether pip can compare the content with a hash, or the commit is fixed."""
        if self.is_git:
            return bool(_COMMIT.fullmatch(repository(self.url)[1]))
        return bool(parse_qs(urlsplit(self.url).fragment).keys() & _HASHES)

    @property
    def line(self) -> str:
        """The requirement, without its marker."""
        return f"{self.requirement.name}{self._extras} @ {self.url}"

    @property
    def file_line(self) -> str:
        """The line of a requirements file. pip reads the path of a wheel only without `NAME @`."""
        return f"./wheels/{self.wheel.name}{self._extras}" if self.wheel else self.line

    @property
    def _extras(self) -> str:
        return f"[{','.join(sorted(self.requirement.extras))}]" if self.requirement.extras else ""


class Unusable(Exception):
    """An address that a package cannot have: the reason, and the way out."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


def read_address(text: str, folder: Path) -> Address:
    """Read an entry with an address, alone or after `NAME @`. A path is relative to `folder`. Raises Unusable."""
    entry, *marker = MARKER.split(text, maxsplit=1)
    found = PARTS.fullmatch(entry.strip())
    if found is None:
        raise Unusable("is not a requirement", _NAME_IT)
    name, address = f"{found['name'] or ''}{found['extras'] or ''}", found["address"]
    scheme = urlsplit(address).scheme if "://" in address or address.startswith("file:") else ""
    after = f" ; {marker[0]}" if marker else ""
    if scheme in ("", "file"):
        return _local(name, address, folder, after)
    if scheme in ("http", "https"):
        _check_open(address)
        return _remote(name, address, after)
    if scheme in _REPOSITORIES:
        _check_open(address)
        return _repository(name, address, after)
    raise Unusable(f"is an address with {scheme}, which a package cannot have", "use https, git+https or a wheel")


def repository(url: str) -> tuple[str, str]:
    """The repository of a git address without `git+`, and the revision. The revision is empty if none is named."""
    place = url.removeprefix("git+").partition("#")[0]
    path, at, revision = urlsplit(place).path.rpartition("@")
    return (place.removesuffix(f"@{revision}"), revision) if at and path else (place, "")


def at_commit(url: str, commit: str) -> str:
    """A git address at a commit."""
    fragment = urlsplit(url).fragment
    return f"git+{repository(url)[0]}@{commit}{'#' + fragment if fragment else ''}"


def _local(name: str, address: str, folder: Path, marker: str) -> Address:
    found = WHEEL.fullmatch(address)
    path = folder / _path(found["path"] if found else address)
    if path.is_dir():
        raise Unusable("is a folder, and a package can only have a wheel of it", _BUILD)
    if found is None:
        raise Unusable("is a path, and a package can only have a wheel", _BUILD)
    if not path.is_file():
        raise Unusable("does not exist", "correct the path")
    its_name, version = _of_wheel(path.name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    expected = parse_qs((found["fragment"] or "#")[1:]).get("sha256", [digest])[0]
    if expected != digest:
        raise Unusable(f"has the sha256 {digest}, and not {expected}", "correct the hash, or restore the file")
    try:
        distribution = contents(path, its_name, version)
    except ValueError as error:
        raise Unusable(f"is not a wheel: {error}", "build it again") from None
    url = f"file:wheels/{quote(path.name, safe='+!')}#sha256={digest}"
    requirement = _requirement(name or f"{its_name}{found['extras'] or ''}", url, marker, its_name)
    return Address(requirement, version, path, distribution)


def _path(text: str) -> str:
    """The path of a `file:` address, or of a plain path."""
    if not text.startswith("file:"):
        return text
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise Unusable(f"is a file of the host {parts.netloc}", "copy it to this machine")
    return url2pathname(parts.path)


def _remote(name: str, address: str, marker: str) -> Address:
    parts = urlsplit(address)
    fragment = parse_qs(parts.fragment)
    file = unquote(parts.path).rpartition("/")[2]
    if file.endswith(".whl"):
        its_name, version = _of_wheel(file)
    else:
        its_name, version = _of_archive(file)
    hashes = [(kind, fragment[kind][0]) for kind in _HASHES if kind in fragment]
    for kind, value in hashes:
        if not re.fullmatch(f"[0-9a-f]{{{_HASHES[kind]}}}", value):
            raise Unusable(f"has a {kind} that does not have {_HASHES[kind]} hexadecimal digits", "correct the hash")
    url = "#".join(filter(None, (address.partition("#")[0], "&".join(f"{kind}={value}" for kind, value in hashes))))
    return Address(_requirement(name or fragment.get("egg", [its_name])[0], url, marker, its_name), version)


def _repository(name: str, address: str, marker: str) -> Address:
    place, _hash, fragment = address.partition("#")
    if re.match(r"-|.*[^\w./+-]", repository(place)[1]):
        raise Unusable("has a revision that is not the name of a branch, a tag or a commit", "correct the revision")
    kept = re.search("subdirectory=[^&]+", fragment)
    egg = parse_qs(fragment).get("egg", [""])[0]
    return Address(_requirement(name or egg, f"{place}#{kept[0]}" if kept else place, marker, ""))


def _check_open(address: str) -> None:
    """Raise Unusable for an address with a password or a query, because everybody can read a package."""
    parts = urlsplit(address)
    if parts.password is not None or (parts.username is not None and parts.scheme != "git+ssh") or parts.query:
        hint = "remove it, and configure git or .netrc where the package is installed"
        raise Unusable("has a user, a password or a query, which everybody who has the package could read", hint)


def _of_wheel(file: str) -> tuple[str, str]:
    with suppress(InvalidWheelFilename):
        name, version, _build, _tags = parse_wheel_filename(file)
        if re.fullmatch(r"[\w.+!-]+", file):  # the name is written into files that pip reads
            return name, str(version)
    raise Unusable("does not have the name of a wheel", "name it as its builder did: NAME-VERSION-…whl")


def _of_archive(file: str) -> tuple[str, str]:
    """The name and version in the name of a source distribution. Both are empty for any other file."""
    try:
        name, version = parse_sdist_filename(file)
    except InvalidSdistFilename:
        return "", ""
    return name, str(version)


def _requirement(name: str, url: str, marker: str, its_name: str) -> Requirement:
    if not name:
        raise Unusable("has no name of a distribution", _NAME_IT)
    try:
        requirement = Requirement(f"{name} @ {url}{marker}")
    except InvalidRequirement:
        raise Unusable("is not a requirement", _NAME_IT) from None
    if its_name and canonicalize_name(requirement.name) != its_name:
        raise Unusable(f"is an address of {its_name}, and not of {requirement.name}", "correct the name")
    return requirement
