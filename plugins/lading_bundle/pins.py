"""The pins of a package: the closure of its environment over the distributions installed at training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lading import BadInput, Distribution, ModelVersion, Refused

from . import conda
from .options import Environment

SKLEARN = "scikit-learn"
_INSTALLERS = ("pip", "conda")  # not pinned, because they install the rest
_ALLOW = " with `allow_version_skew: true`"


@dataclass(frozen=True)
class Pins:
    """`versions` by canonical name, sorted. `missing` has their requirements that were not installed either."""

    versions: Mapping[str, str]
    missing: tuple[str, ...]

    @property
    def requirements(self) -> tuple[str, ...]:
        return tuple(f"{name}=={version}" for name, version in self.versions.items())


def pin(model: ModelVersion, environment: Environment, needs: Iterable[str], *, allow_skew: bool) -> Pins:
    """Pin an environment, and the distributions in `needs`, at the versions that the model was trained with.

    Raises BadInput for an entry that is not a requirement or cannot be pinned. Raises Refused for another Python than
    the model's, or for another scikit-learn unless `allow_skew`.
    """
    wanted = [*_asked(environment, model.python), *(Requirement(name) for name in needs)]
    chosen = _choose(wanted, model)
    versions, missing = _closure(wanted, chosen, model)
    if not allow_skew:
        _refuse_skew(model, versions.get(SKLEARN))
    return Pins(dict(sorted(versions.items())), tuple(sorted(missing)))


def _asked(environment: Environment, python: str) -> list[Requirement]:
    asked = [_parse(entry, conda.requirement(entry)) for entry in environment.conda]
    for requirement in asked:
        if requirement.name == "python":
            _check_python(requirement, python)
    asked = [one for one in asked if one.name not in ("python", *_INSTALLERS)]
    asked += [_parse(entry, entry) for entry in environment.pip]
    return [one for one in asked if _applies(one, python)]


def _parse(entry: str, text: str | None) -> Requirement:
    try:
        requirement = Requirement(text or "")
    except InvalidRequirement:
        raise BadInput(f"environment: {entry!r} is not a requirement", hint="write NAME or NAME==VERSION") from None
    if requirement.url:
        raise BadInput(f"environment: {entry!r} names a URL", hint="name a distribution: NAME or NAME==VERSION")
    return requirement


def _check_python(requirement: Requirement, python: str) -> None:
    if not all(_admits(one, python) for one in requirement.specifier):
        raise Refused(
            f"environment: python{requirement.specifier}, but the model was trained with Python {python}",
            hint=f"write python={python}, or train with the other one",
        )


def _admits(asked: Specifier, python: str) -> bool:
    """Whether a specifier allows a minor version (`3.11`). A package does not fix the micro version."""
    if asked.operator != "==":
        return asked.contains(python)
    minor = ".".join(asked.version.removesuffix(".*").split(".")[:2])
    return Specifier(f"=={minor}.*").contains(python)


def _choose(wanted: Iterable[Requirement], model: ModelVersion) -> dict[str, str]:
    """The version of each distribution that the environment names."""
    specifiers: dict[str, SpecifierSet] = {}
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        specifiers[name] = specifiers.get(name, SpecifierSet()) & requirement.specifier
    return {name: _version(name, asked, model) for name, asked in specifiers.items()}


def _version(name: str, asked: SpecifierSet, model: ModelVersion) -> str:
    installed = model.distributions.get(name)
    recorded = _public(name, installed.version) if installed else None
    if recorded and asked.contains(recorded, prereleases=True):
        return recorded
    exact = _exact(asked)
    if exact and asked.contains(exact, prereleases=True):
        return exact
    if recorded is None:
        raise BadInput(
            f"environment: {name}{asked} was not installed where the model was trained",
            hint=f"install it there, or pin it: {name}==VERSION",
        )
    failure = Refused if name == SKLEARN else BadInput
    raise failure(
        f"environment: {name}{asked} excludes {recorded}, which the model was trained with",
        hint=f"pin the one version that you want: {name}==VERSION" + (_ALLOW if name == SKLEARN else ""),
    )


def _exact(asked: SpecifierSet) -> str | None:
    """The one version that `==` names."""
    exact = {one.version for one in asked if one.operator == "==" and not one.version.endswith(".*")}
    return exact.pop() if len(exact) == 1 else None


def _public(name: str, version: str) -> str:
    """A version without its local label (`+cpu`). The label names a build that the public index does not serve."""
    try:
        return Version(version).public
    except InvalidVersion:
        raise BadInput(
            f"{name} has the version {version!r}, which pip cannot install", hint="install a release"
        ) from None


def _closure(
    wanted: Iterable[Requirement], chosen: Mapping[str, str], model: ModelVersion
) -> tuple[dict[str, str], set[str]]:
    versions, missing = dict(chosen), set[str]()
    seen: set[tuple[str, str]] = set()
    todo = [need for requirement in wanted for need in _with_extras(requirement)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        recorded = model.distributions.get(name)
        if recorded is None:
            if name not in chosen:
                missing.add(name)
            continue
        versions.setdefault(name, _public(name, recorded.version))
        todo += _needs(recorded, extra, model.python)
    return versions, missing


def _needs(distribution: Distribution, extra: str, python: str) -> list[tuple[str, str]]:
    """The requirements of a distribution, or of one of its extras, on this machine: (canonical name, extra) pairs."""
    needs = []
    for text in distribution.requires:
        with suppress(InvalidRequirement):  # metadata from before PEP 508
            requirement = Requirement(text)
            needs += _with_extras(requirement) if _applies(requirement, python, extra) else []
    return needs


def _with_extras(requirement: Requirement) -> list[tuple[str, str]]:
    return [(canonicalize_name(requirement.name), extra) for extra in ("", *sorted(requirement.extras))]


def _applies(requirement: Requirement, python: str, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"python_version": python, "extra": extra})


def _refuse_skew(model: ModelVersion, pinned: str | None) -> None:
    made_with = model.framework_version
    if model.framework != SKLEARN or not made_with or pinned is None:
        return
    if Version(pinned) == Version(_public(SKLEARN, made_with)):
        return
    raise Refused(
        f"{model.name} was made with scikit-learn {made_with}, and its package would pin {pinned}",
        hint=f"install scikit-learn {made_with}; or pin it (`environment: {{pip: [scikit-learn=={made_with}]}}`) with "
        "`python: isolated` on the target local; or set `allow_version_skew: true` under package",
    )
