"""Ask the resolver what another machine will install, and report its answer at the manifest's lines."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ...errors import BadInput
from ...model import Distribution, Environment, Installs, Json
from ...model.description import Role
from ..resolving import Choice, Conflict, Question
from ..resolving.question import OFFLINE, FromIndex, from_index, name_of
from .stage import DEPLOY

if TYPE_CHECKING:
    from ...manifest import Path_, Section
    from ...model import EventKind
    from ..session.session import Session
    from .pinned import Pinned

_ENTRY = re.compile(r"(?:[\w./-]+::)?([A-Za-z0-9][\w.-]*)")  # an entry of an environment, with conda's channel
_ADDRESS = re.compile(r"(?:/|egg=)([A-Za-z0-9][\w.-]*?)(?:-\d[^/]*\.whl|[&\[]|$)")  # one that has no name before it
_HINT = "pin versions that fit together under package: environment, and train with them"


def choose(session: Session, section: Section, pinned: Pinned) -> tuple[Environment, bool]:
    """The environment of a block, and whether a package index confirmed it.

    Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
    """
    installs = section.options.installs
    assert installs is not None, "a block is resolved because it installs something"
    index = from_index(pinned.requirements)
    if not installs.here:
        _check_addresses(session, section, pinned.requirements, installs)
    question = Question(index.lines, _minor(pinned.python), installs.platform, installs.sources, index.known)
    _report(session, section, "progress", f"for {question.where}", phase="resolving")
    adds = () if _has_one_of(pinned, installs) else installs.adds
    found = session.resolver.choose(question, adds)
    if isinstance(found, Conflict):
        found = _foreign_conflict(session, question, pinned, found)
        message = f"the environment for {section.name} cannot be installed ({question.where}): {found}"
        raise _placed(session, pinned, found, BadInput(message, hint=_hint(found)))
    _warn(session, section, found, index)
    note = _note(found) if len(adds) > 1 else ""
    return Environment(requirements=pinned.requirements, added=found.added, note=note), found.resolution.way != OFFLINE


def _foreign_conflict(session: Session, question: Question, pinned: Pinned, found: Conflict) -> Conflict:
    """The conflict of the pins that are not installed here, if these explain that a distribution is absent."""
    if not found.absent or not pinned.foreign:
        return found
    other = session.resolver.resolve(replace(question, requirements=pinned.foreign))
    return other if isinstance(other, Conflict) else found


def _check_addresses(session: Session, section: Section, requirements: Iterable[str], installs: Installs) -> None:
    """Raise BadInput, at the manifest's line, for an address that cannot be installed there."""
    for requirement in map(Requirement, requirements):
        reason, hint = installs.obstacle(requirement.url or "")
        if reason:
            message = f"{section.name} cannot install {requirement.name}: {reason}"
            raise session.at_its_line(_line(session, [requirement.name]), BadInput(message, hint=hint))


def _has_one_of(pinned: Pinned, installs: Installs) -> bool:
    """Whether the pins already contain one of the distributions to add."""
    return bool(set(map(name_of, pinned.requirements)) & set(map(name_of, installs.adds)))


def _minor(python: str) -> str:
    """`3.11` of `3.11.7`."""
    return ".".join(python.split(".")[:2])


def _hint(conflict: Conflict) -> str:
    if not conflict.absent or len(conflict.requirements) > 1:
        return _HINT
    return f"`pip index versions {name_of(conflict.requirements[0])}` lists the versions that exist"


def _note(found: Choice) -> str:
    rejected = "; ".join(str(conflict) for _add, conflict in found.rejected)
    return f"{found.added}, because {rejected}" if rejected else found.added


def _warn(session: Session, section: Section, found: Choice, index: FromIndex) -> None:
    resolution = found.resolution
    addressed = {f"{name}=={version}" for name, version in index.known}  # their wheels come from no index
    unchecked = (*(one for one in resolution.unchecked if one not in addressed), *index.unknown)
    left = f"; not checked: {', '.join(unchecked)}" if unchecked else ""
    if resolution.way == OFFLINE:
        detail = f"the environment for {section.name} was compared only with the distributions that are installed here"
        _report(session, section, "warning", f"{detail}, because neither uv nor pip reached a package index{left}")
    elif left:
        detail = f"the environment for {section.name} has requirements without a wheel on a package index"
        _report(session, section, "warning", detail + left)


def _report(session: Session, section: Section, kind: EventKind, detail: str, **fields: Json) -> None:
    stage, target = (DEPLOY.name, section.name) if section.role == Role.TARGET else (section.role, "")
    session.events.emit(kind, stage=stage, target=target, detail=detail, **fields)


def _placed(session: Session, pinned: Pinned, conflict: Conflict, error: BadInput) -> BadInput:
    """The error at the entry of a conflicting requirement, or of a distribution that needs it."""
    names = list(_with_dependants(map(name_of, conflict.requirements), pinned.find_distributions()))
    pin = next((pinned.named[name] for name in names if name in pinned.named and pinned.named[name].option), None)
    section = session.manifest.package
    if pin is None or section is None:
        return session.at_its_line(_line(session, names), error)
    message = session.at_option(section.path, pin.option, f"{pin.place}{error.message}")
    return BadInput(message, hint=error.hint)


def _line(session: Session, names: Iterable[str]) -> Path_:
    """The manifest's line for the first of these distributions that it names, else its block of the package."""
    section = session.manifest.package
    if section is None:
        return ()
    entries = dict(_entries(section.value, section.path))
    return next((entries[name] for name in map(canonicalize_name, names) if name in entries), section.path)


def _entries(value: Json, path: Path_) -> Iterator[tuple[str, Path_]]:
    """The distributions that the lists of a block name."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entries(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str) and (found := _named(item)):
                yield canonicalize_name(found[1]), (*path, index)


def _named(entry: str) -> re.Match[str] | None:
    is_address = "/" in entry and " @" not in entry
    return (_ADDRESS.search(entry) if is_address else None) or _ENTRY.match(entry)


def _with_dependants(names: Iterable[str], distributions: Mapping[str, Distribution]) -> Iterator[str]:
    """The names, followed by the distributions that need them, directly or indirectly."""
    needs = {other: set(_needs(found)) for other, found in distributions.items()}
    waiting, seen = deque(names), set[str]()
    while waiting:
        name = waiting.popleft()
        if name not in seen:
            seen.add(name)
            yield name
            waiting += [other for other, needed in needs.items() if name in needed]


def _needs(distribution: Distribution) -> Iterator[str]:
    for text in distribution.requires:
        with suppress(InvalidRequirement):  # metadata from before PEP 508
            yield canonicalize_name(Requirement(text).name)
