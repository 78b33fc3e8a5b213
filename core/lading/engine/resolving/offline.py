"""Resolve without a package index: compare the requirements with the metadata of installed distributions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from .question import MACHINES, OFFLINE, Conflict, Question, Resolution, exact_of


def check(question: Question) -> Resolution | Conflict:
    """Follow the requirements of the installed distributions.

    A distribution is left out if it is not installed in the required version. If the question names it, it is
    `unchecked`.
    """
    return _Walk(question).answer()


@dataclass
class _Walk:
    """Follows the requirements of a question.

    `sides` maps each distribution to the requirements on it, each with the distribution that has the requirement.
    """

    question: Question
    sides: dict[str, list[tuple[str, Requirement]]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    unchecked: list[str] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def answer(self) -> Resolution | Conflict:
        asked = [Requirement(line) for line in self.question.requirements]
        asked = [one for one in asked if self._applies(one)]
        for requirement in asked:
            self.sides.setdefault(canonicalize_name(requirement.name), []).append(("", requirement))
        for requirement in asked:
            self._follow(requirement, asked=requirement)
        return self._conflict() or Resolution(dict(sorted(self.versions.items())), OFFLINE, tuple(self.unchecked))

    def _follow(self, requirement: Requirement, asked: Requirement | None = None) -> None:
        name = canonicalize_name(requirement.name)
        installed = _installed(name)
        fits = installed is not None and all(
            side.specifier.contains(installed.version, prereleases=True) for who, side in self.sides[name] if not who
        )
        if installed is None or not fits:
            if asked is not None:
                self.unchecked.append(str(asked))
            return
        self.versions[name] = installed.version
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) not in self.seen:
                self.seen.add((name, extra))
                for needed in self._needs(installed, extra):
                    needed_name = canonicalize_name(needed.name)
                    self.sides.setdefault(needed_name, []).append((f"{name}=={installed.version}", needed))
                    self._follow(needed)

    def _needs(self, installed: metadata.Distribution, extra: str) -> Iterator[Requirement]:
        for text in installed.requires or ():
            try:
                needed = Requirement(text)
            except InvalidRequirement:  # metadata from before PEP 508
                continue
            if self._applies(needed, extra):
                yield needed

    def _applies(self, requirement: Requirement, extra: str = "") -> bool:
        python = self.question.python
        there = {
            "extra": extra,
            "os_name": "posix",
            "platform_machine": MACHINES.get(self.question.platform, self.question.platform.split("/")[-1]),
            "platform_system": "Linux",
            "python_full_version": f"{python}.0" if python.count(".") == 1 else python,
            "python_version": ".".join(python.split(".")[:2]),
            "sys_platform": "linux",
        }
        return requirement.marker is None or requirement.marker.evaluate(there)

    def _conflict(self) -> Conflict | None:
        """Find two exact or installed versions that exclude each other. Open ranges are not checked here."""
        for name, sides in self.sides.items():
            exact = next((exact for who, side in sides if not who and (exact := exact_of(str(side)))), None)
            for who, side in sides:
                if exact is not None and not side.specifier.contains(exact, prereleases=True):
                    why = f"{who} requires {side.name}{side.specifier}" if who else f"{side} excludes {exact}"
                    roots = [who.partition("==")[0]] if who else []
                    return Conflict(self.question.named([name, *roots]), why)
        return None


def _installed(name: str) -> metadata.Distribution | None:
    try:
        found = metadata.distribution(name)
        Version(found.version)
    except (metadata.PackageNotFoundError, InvalidVersion):
        return None
    return found
