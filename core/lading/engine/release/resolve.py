"""Ask the resolver what another machine will install, and report its answer at the manifest's lines."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ...errors import BadInput
from ...model import Distribution, Environment, Installs, Json
from ...model.description import Role
from ..resolving import Choice, Conflict, Question
from ..resolving.question import OFFLINE, name_of
from .service import DEPLOY

if TYPE_CHECKING:
    from ...manifest import Path_, Section
    from ...model import EventKind, Package
    from ..session.session import Session

_ENTRY = re.compile(r"(?:[\w./-]+::)?([A-Za-z0-9][\w.-]*)")  # an entry of an environment, with conda's channel
_HINT = "pin versions that fit together under package: environment, and train with them"


def choose(session: Session, section: Section, package: Package) -> tuple[Environment, bool]:
    """The environment of a block, and whether a package index confirmed it.

    Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
    """
    installs = section.options.installs
    assert installs is not None, "a block is resolved because it installs something"
    question = Question(package.requirements, _minor(package.python), installs.platform, installs.sources)
    _report(session, section, "progress", f"for {question.where}", phase="resolving")
    adds = () if _has_one_of(package, installs) else installs.adds
    found = session.resolver.choose(question, adds)
    if isinstance(found, Conflict):
        message = f"the environment for {section.name} cannot be installed ({question.where}): {found}"
        raise session.at_its_line(_place(session, package, found), BadInput(message, hint=_HINT))
    _warn(session, section, found)
    note = _note(found) if len(adds) > 1 else ""
    return Environment(requirements=package.requirements, added=found.added, note=note), found.resolution.way != OFFLINE


def _has_one_of(package: Package, installs: Installs) -> bool:
    """Whether the pins already contain one of the distributions to add."""
    return bool(set(map(name_of, package.requirements)) & set(map(name_of, installs.adds)))


def _minor(python: str) -> str:
    """`3.11` of `3.11.7`."""
    return ".".join(python.split(".")[:2])


def _note(found: Choice) -> str:
    rejected = "; ".join(str(conflict) for _add, conflict in found.rejected)
    return f"{found.added}, because {rejected}" if rejected else found.added


def _warn(session: Session, section: Section, found: Choice) -> None:
    resolution = found.resolution
    left = f"; not checked: {', '.join(resolution.unchecked)}" if resolution.unchecked else ""
    if resolution.way == OFFLINE:
        detail = f"the environment for {section.name} was compared only with the distributions that are installed here"
        _report(session, section, "warning", f"{detail}, because neither uv nor pip reached a package index{left}")
    elif left:
        detail = f"the environment for {section.name} has requirements without a wheel, which are built there"
        _report(session, section, "warning", detail + left)


def _report(session: Session, section: Section, kind: EventKind, detail: str, **fields: Json) -> None:
    stage, target = (DEPLOY.name, section.name) if section.role == Role.TARGET else (section.role, "")
    session.events.emit(kind, stage=stage, target=target, detail=detail, **fields)


def _place(session: Session, package: Package, conflict: Conflict) -> Path_:
    """The manifest's line for one of the conflicting requirements, or for a distribution that needs it."""
    section = session.manifest.package
    if section is None:
        return ()
    entries = dict(_entries(section.value, section.path))
    for name in _with_dependants(map(name_of, conflict.requirements), package.model.distributions):
        if name in entries:
            return entries[name]
    return section.path


def _entries(value: Json, path: Path_) -> Iterator[tuple[str, Path_]]:
    """The distributions that the lists of a block name."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entries(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str) and (found := _ENTRY.match(item)):
                yield canonicalize_name(found[1]), (*path, index)


def _with_dependants(names: Iterable[str], distributions: Mapping[str, Distribution]) -> Iterator[str]:
    """The names, followed by the distributions that need them, directly or indirectly."""
    waiting, seen = deque(names), set[str]()
    while waiting:
        name = waiting.popleft()
        if name not in seen:
            seen.add(name)
            yield name
            waiting += [other for other, found in distributions.items() if name in _needs(found)]


def _needs(distribution: Distribution) -> Iterator[str]:
    for text in distribution.requires:
        with suppress(InvalidRequirement):  # metadata from before PEP 508
            yield canonicalize_name(Requirement(text).name)
