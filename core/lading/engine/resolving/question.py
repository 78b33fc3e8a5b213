"""A question to the resolver, and its answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from ...errors import BadInput
from ...model.environments import Sources

OFFLINE = "offline"
ABSENT = "the package index has no such version"
EXCLUDED = "they exclude each other"
_ANYWHERE = Sources()
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l"}
"""The processors of platforms, with Python's names."""


@dataclass(frozen=True)
class Question:
    """The question whether requirements can be installed together on a Python (`3.11`) and a platform (`linux/amd64`).

    Raises BadInput for a line that is not a plain requirement. Such a line could act as an option or hold a password.
    """

    requirements: tuple[str, ...]
    python: str
    platform: str
    sources: Sources = _ANYWHERE
    unbuilt: tuple[tuple[str, str], ...] = ()
    """Names and versions without a wheel. They count as distributions without requirements."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "requirements", tuple(str(parsed(line)) for line in self.requirements))

    @property
    def where(self) -> str:
        return f"Python {self.python}, {self.platform}"

    def named(self, names: Iterable[str]) -> tuple[str, ...]:
        """The requirements of these distributions."""
        wanted = set(map(canonicalize_name, names))
        return tuple(line for line in self.requirements if name_of(line) in wanted)


@dataclass(frozen=True)
class Resolution:
    """Versions by canonical name. `way` is uv, pip or offline.

    `unchecked` are requirements that could not be checked: they are built from source, or unknown here.
    """

    versions: Mapping[str, str]
    way: str
    unchecked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conflict:
    """Requirements of the question that cannot be installed together, and the reason."""

    requirements: tuple[str, ...]
    why: str
    absent: bool = False
    """Whether the index lacks the version or the distribution. Another index may have it."""

    def __str__(self) -> str:
        together = " together" if len(self.requirements) > 1 else ""
        return f"{' and '.join(self.requirements)} cannot be installed{together}: {self.why}"


@dataclass(frozen=True)
class NoWheel:
    """A version of a distribution without a wheel. Pip would build it from source, which is not tried here."""

    name: str
    version: str


class NoNetwork(Exception):
    """The user's configuration forbids the network."""


Answer = Resolution | Conflict | NoWheel


@dataclass(frozen=True)
class FromIndex:
    """The parts of requirements that a package index can answer.

    `known` are names and versions of wheels with an address. They are in `lines` too. `unknown` are other addresses.
    """

    lines: tuple[str, ...]
    known: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]


def from_index(requirements: Iterable[str]) -> FromIndex:
    """Replace each address of a wheel by its version, and leave out the other addresses.

    Raises BadInput for a line that is not a requirement, and for an address with a password.
    """
    lines, known, unknown = list[str](), list[tuple[str, str]](), list[str]()
    for line in requirements:
        requirement = _read(line)
        if requirement.url is None:
            lines.append(line)
        elif version := _version_of(requirement.url):
            lines.append(f"{requirement.name}=={version}")
            known.append((canonicalize_name(requirement.name), version))
        else:
            unknown.append(requirement.name)
        _check_open(requirement)
    return FromIndex(tuple(lines), tuple(known), tuple(unknown))


def _check_open(requirement: Requirement) -> None:
    place = urlsplit(requirement.url or "")
    if place.password is not None or (place.username is not None and place.scheme != "git+ssh"):
        message = f"environment: the address of {requirement.name} has a user or a password"
        raise BadInput(message, hint="remove it, and configure git or .netrc where the package is installed")


def _version_of(url: str) -> str:
    """The version in the name of a wheel. Empty for any other address."""
    try:
        return str(parse_wheel_filename(unquote(urlsplit(url).path).rpartition("/")[2])[1])
    except InvalidWheelFilename:
        return ""


def parsed(line: str) -> Requirement:
    """Parse a requirement with a name. Raises BadInput for an address, an option, or any other text."""
    requirement = _read(line)
    if requirement.url:
        raise BadInput(f"environment: {requirement.name} names a URL", hint="write NAME or NAME==VERSION")
    return requirement


def _read(line: str) -> Requirement:
    try:
        return Requirement(line)
    except InvalidRequirement:
        shown = re.split("[@:]", line)[0]  # an address may hold a password
        raise BadInput(f"environment: {shown!r} is not a requirement", hint="write NAME or NAME==VERSION") from None


def name_of(line: str) -> str:
    """The canonical name of a requirement's distribution."""
    return canonicalize_name(Requirement(line).name)


def exact_of(line: str) -> str | None:
    """The only version that a requirement allows. None for a range."""
    exact = (one.version for one in Requirement(line).specifier if one.operator == "==")
    return next((version for version in exact if not version.endswith(".*")), None)
