"""The entries of an environment: each is read as a requirement, or reported at its place."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lading import PackageProblem

from . import conda
from .addresses import IS_ADDRESS, Address, Unusable, read_address
from .names import wrong_name
from .patterns import MARKER
from .wrong import Wrong

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_INSTALLERS = ("pip", "conda")  # not pinned, because they install the rest
_WAY_OUT = "write NAME or NAME==VERSION"
_SECRETS = re.compile(r"(?<=://)[^/\s@]*@|\?.*")  # a password or a token of an address
_SINGLE_EQUALS = re.compile(r"([A-Za-z0-9][\w.\-]*) *=(?!=) *([\w.]+)")
_NO_EQUALS = re.compile(r"([A-Za-z0-9][\w.\-]*) +v?(\d[\w.]*)")
_WITH_OPTION = re.compile(r"[ \t](--?[A-Za-z][\w-]*)([= ]|$)")
_EGG = re.compile(r"(?P<address>git\+[^#\s]+)#(?:.*&)?egg=(?P<name>[\w.\-]+).*")
_COMMENT = re.compile(r"(^|\s)#.*")


@dataclass(frozen=True)
class Written:
    """The text of an entry. `option` is its place in the block, and `place` its line in a file.

    A path in it is relative to `folder`.
    """

    text: str
    option: str
    place: str = ""
    is_conda: bool = False
    folder: Path = Path()

    def wrong(self, message: str, hint: str) -> Wrong:
        """The failure of an entry, at its place."""
        return Wrong(f"{self.place}{message}", hint=hint, option=self.option)


class _NotRead(Exception):
    """A text is not a requirement."""


@dataclass(frozen=True)
class Entry:
    """A requirement, and the text that it was read from. `channel` is conda's, if the text names one.

    `address` is that of the distribution, if the text names one instead of a version.
    """

    requirement: Requirement
    written: Written
    channel: str = ""
    address: Address | None = None

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)


def read(written: Iterable[Written], python: str) -> tuple[list[Entry], list[PackageProblem]]:
    """Read entries as requirements for a Python such as `3.11`.

    Returns those that can be read, and the problems of the others. An entry whose marker excludes this Python or this
    machine is left out.
    """
    entries: list[Entry] = []
    problems: list[PackageProblem] = []
    for one in written:
        try:
            entries += _conda(one) if one.is_conda else _pip(one, python)
        except Wrong as error:
            problems.append(error.problem)
    return entries, problems


def _conda(written: Written) -> Iterator[Entry]:
    text = _without_comment(written)
    channel, name = conda.parts(text)
    if name in _INSTALLERS:
        return
    if conda.is_foreign(name):
        raise _foreign(written, name)
    try:
        requirement = _parsed(written, text, conda.requirement)
    except _NotRead as error:
        raise written.wrong(str(error), _WAY_OUT) from None
    if requirement.name != "python":
        _check_name(written, requirement)
    yield Entry(requirement, written, channel)


def _pip(written: Written, python: str) -> Iterator[Entry]:
    text = _without_comment(written)
    if not applies(_marker(text), python):
        return
    address = _addressed(written, text) if _is_address(text) and not text.startswith("-") else None
    try:
        requirement = address.requirement if address else _parsed(written, text, lambda text: text)
    except _NotRead as error:
        proposal = _meant_by(text)
        if proposal:
            list(_pip(replace(written, text=proposal), python))  # raises Wrong with the next fault of the proposal
        raise written.wrong(str(error), f"write {proposal}" if proposal else _WAY_OUT) from None
    if requirement.name not in _INSTALLERS:
        _check_name(written, requirement)
        yield Entry(requirement, written, address=address)


def applies(
    marker: Marker | None, python: str, extra: str = "", micro: int | None = None, **of_lock: frozenset[str]
) -> bool:
    """Whether a marker holds for a Python such as `3.11`, on this machine. `of_lock` are variables of lock files.

    Without a `micro` version it is that of this Python, and 0 for another one.
    """
    is_this = micro is None and python == THIS_PYTHON
    full = {} if is_this else {"python_full_version": f"{python}.{micro or 0}"}
    there: dict[str, Any] = {"python_version": python, "extra": extra, **full, **of_lock}  # packaging types no sets
    return marker is None or marker.evaluate(there)


def _marker(text: str) -> Marker | None:
    """The marker of an entry. None if it has none, or one that cannot be read."""
    with suppress(InvalidMarker, InvalidRequirement, IndexError):
        return Marker(MARKER.split(text, maxsplit=1)[1]) if _is_address(text) else Requirement(text).marker
    return None


def _addressed(written: Written, text: str) -> Address:
    try:
        return read_address(text, written.folder)
    except Unusable as error:
        raise written.wrong(f"{_SECRETS.sub('', text)!r} {error.reason}", error.hint) from None


def _without_comment(written: Written) -> str:
    text = _COMMENT.sub("", written.text).strip(" ")
    if not text:
        raise written.wrong(f"{written.text!r} is not a requirement", "remove the entry")
    return text


def _parsed(written: Written, text: str, read_: Callable[[str], str | None]) -> Requirement:
    shown = _SECRETS.sub("", text)
    if text.startswith("-"):
        raise written.wrong(f"{shown!r} is not a requirement, but an option of pip", _option_hint(written, text))
    if option := _WITH_OPTION.search(text.partition(";")[0]):
        raise written.wrong(f"{shown!r} has the option {option[1]}, which an entry cannot have", "remove the option")
    if _is_address(text):
        message = f"{shown!r} is an address, which an entry of conda cannot be"
        raise written.wrong(message, "write NAME or NAME==VERSION, or the address of a wheel under `pip`")
    try:
        return Requirement(read_(text) or "")
    except InvalidRequirement:
        raise _NotRead(f"{shown!r} is not a requirement") from None


def _is_address(text: str) -> bool:
    """Whether a text is an address or a path: alone, or after a name and `@`. A marker may hold any text."""
    name, at, address = text.partition(";")[0].partition("@")
    return bool(IS_ADDRESS.search(text.partition(";")[0].strip(" "))) or bool(at and address and name.strip(" "))


def _option_hint(written: Written, text: str) -> str:
    option, _space, value = re.sub("[ =]+", " ", text, count=1).partition(" ")
    if option in ("-r", "--requirement"):
        return "name the file: `environment: {requirements: FILE}`"
    if option in ("-c", "--constraint"):
        return "write its versions at the entries, or name a lock file: `environment: {lock: uv.lock}`"
    if option in ("-e", "--editable") and value.startswith("git+"):
        return _named_address(written, value)
    if option in ("-e", "--editable"):
        return "build a wheel with `pip wheel --no-deps --wheel-dir wheels PATH`, and name that file"
    return "name package indexes under the image or the target, and here only distributions"


def _named_address(written: Written, value: str) -> str:
    """The way out of `-e git+https://…`: the address behind the name, if it can be read."""
    found = _EGG.fullmatch(value)
    proposal = f"{found['name']} @ {found['address']}" if found else ""
    with suppress(Unusable, InvalidRequirement):
        return f"write `{read_address(proposal, written.folder) and proposal}`"
    return "write NAME @ ADDRESS"


def _meant_by(text: str) -> str:
    """The requirement that is meant by a text without a `=`, which is a frequent slip. Empty for any other text."""
    slip = _NO_EQUALS.fullmatch(text) or _SINGLE_EQUALS.fullmatch(text)
    with suppress(InvalidVersion):
        return f"{slip[1]}=={slip[2]}" if slip and Version(slip[2]) else ""
    return ""


def _foreign(written: Written, name: str) -> Wrong:
    message = f"{name} is not a Python distribution, so pip cannot install it"
    return written.wrong(message, "remove the entry; if scoring needs it, use a base image that has it")


def _check_name(written: Written, requirement: Requirement) -> None:
    """Raise Wrong for a name that pip cannot install."""
    name = canonicalize_name(requirement.name)
    if conda.is_foreign_to_pip(name):
        raise _foreign(written, name)
    if wrong := wrong_name(name):
        message, _semicolon, hint = wrong.partition("; ")
        raise written.wrong(message, hint)
