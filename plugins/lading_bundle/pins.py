"""The pins of a package: the closure of its environment over the distributions installed at training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lading import Distribution, ExpectedModel, PackageProblem

from .addresses import Address
from .entries import Entry, applies
from .origin import Origin
from .wrong import Wrong

SKLEARN = "scikit-learn"
SERVER = "azureml-defaults"  # the targets of Azure add it, and no other target needs it
_OF_TARGETS = (SERVER, "azureml-sdk", "setuptools", "wheel")  # pinned only if they are installed or have a version
_ALLOW = " with `allow_version_skew: true`"


@dataclass(frozen=True)
class Pins:
    """`versions` by canonical name, sorted. `missing` has their requirements that were not installed either.

    `problems` are the entries that cannot be pinned. `addresses` are the distributions that are installed from one.
    Their versions are empty if the address does not show them.
    """

    versions: Mapping[str, str]
    missing: tuple[str, ...] = ()
    problems: tuple[PackageProblem, ...] = ()
    addresses: Mapping[str, Address] = field(default_factory=dict)

    @property
    def requirements(self) -> tuple[str, ...]:
        """One requirement for each distribution. A wheel has the address `file:wheels/FILE`."""
        return tuple(self._lines({name: address.line for name, address in self.addresses.items()}))

    @property
    def file_lines(self) -> tuple[str, ...]:
        """The same for a file beside the folder `wheels`."""
        return tuple(self._lines({name: address.file_line for name, address in self.addresses.items()}))

    def _lines(self, addresses: Mapping[str, str]) -> Iterator[str]:
        return (addresses.get(name, f"{name}=={version}") for name, version in self.versions.items())


def pin(origin: Origin, entries: Iterable[Entry], needs: Iterable[str], *, allow_skew: bool, locked: bool) -> Pins:
    """Pin an environment, and the distributions in `needs`, at the versions that the model is made with.

    If it is `locked`, its entries are all the pins. A problem is reported for an entry that cannot be pinned, for
    another Python than the model's, and for another scikit-learn unless `allow_skew`.
    """
    problems: list[PackageProblem] = []
    asked = _asked(origin, entries, problems)
    if locked:
        problems += _not_locked({entry.name for entry in asked}, needs)
        needs = ()
    wanted = [*(entry.requirement for entry in asked), *(Requirement(name) for name in needs)]
    chosen = _choose(origin, asked, wanted, problems)
    versions, missing = chosen, set[str]()
    try:
        if not locked:
            versions, missing = _closure(wanted, chosen, origin)
        if not allow_skew and not problems:
            problems += _skew(origin.model, versions.get(SKLEARN), asked) or _unfit(origin.model, versions, asked)
    except Wrong as error:
        problems.append(error.problem)
    addresses = {entry.name: entry.address for entry in asked if entry.address}
    return Pins(dict(sorted(versions.items())), tuple(sorted(missing)), tuple(problems), addresses)


def _not_locked(names: set[str], needs: Iterable[str]) -> list[PackageProblem]:
    lacking = ", ".join(sorted(set(needs) - names))
    message = f"the lock has no {lacking}, which the model needs"
    hint = "add it to the project, and lock it again"
    return [PackageProblem(message=message, hint=hint, option="environment.lock")] if lacking else []


def _asked(origin: Origin, entries: Iterable[Entry], problems: list[PackageProblem]) -> list[Entry]:
    """The entries that apply to the model's Python, without Python itself and without the server of Azure."""
    asked = []
    for entry in entries:
        if entry.name == "python":
            problems += _other_python(entry, origin.python)
        elif not _is_left_to_targets(entry, origin):
            asked.append(entry)
    return asked


def _is_left_to_targets(entry: Entry, origin: Origin) -> bool:
    """Whether an entry may be missing. A script can import setuptools, which conda brings with each Python."""
    is_exact = exactly(entry.requirement.specifier) is not None
    is_usual = entry.name in _OF_TARGETS and (entry.written.is_conda or entry.name != "setuptools")
    return is_usual and not is_exact and entry.name not in origin.distributions


def _other_python(entry: Entry, python: str) -> list[PackageProblem]:
    asked = entry.requirement.specifier
    if all(_admits(one, python) for one in asked):
        return []
    message = f"python{asked} excludes Python {python}, which the model is trained with"
    return [entry.written.wrong(message, f"write python={python}, or train with the other one").problem]


def _admits(asked: Specifier, python: str) -> bool:
    """Whether a specifier allows a minor version (`3.11`). A package does not fix the micro version."""
    if asked.operator != "==":
        return asked.contains(python)
    minor = ".".join(asked.version.removesuffix(".*").split(".")[:2])
    return Specifier(f"=={minor}.*").contains(python)


def _choose(
    origin: Origin, asked: Iterable[Entry], wanted: Iterable[Requirement], problems: list[PackageProblem]
) -> dict[str, str]:
    """The version of each distribution that the environment names."""
    specifiers: dict[str, SpecifierSet] = {}
    for requirement in wanted:
        name: str = canonicalize_name(requirement.name)
        specifiers[name] = specifiers.get(name, SpecifierSet()) & requirement.specifier
    places = {entry.name: entry for entry in sorted(asked, key=lambda entry: entry.address is not None)}
    chosen: dict[str, str] = {}
    for name, specifier in specifiers.items():
        try:
            chosen[name] = _version(name, specifier, origin, places.get(name))
            _check_one_address(name, asked)
        except Wrong as error:
            problems.append(error.problem)
    return chosen


def _version(name: str, asked: SpecifierSet, origin: Origin, entry: Entry | None) -> str:
    place, option = (entry.written.place, entry.written.option) if entry else ("", "environment")
    if entry and entry.address:
        return _of_address(entry, entry.address, asked, origin)
    installed = origin.distributions.get(name)
    recorded = _public(name, installed.version, place, option) if installed else None
    if recorded and asked.contains(recorded, prereleases=True):
        return recorded
    exact = exactly(asked)
    if exact and asked.contains(exact, prereleases=True):
        return exact
    if recorded is None:
        raise _absent(name, asked, origin, entry)
    made = "was" if _is_made(origin.model) else "is"
    raise Wrong(
        f"{place}{name}{asked} excludes {recorded}, which {made} installed for the training",
        hint=f"pin the one version that you want: {name}==VERSION" + (_ALLOW if name == SKLEARN else ""),
        option=option,
        refused=name == SKLEARN,
    )


def _of_address(entry: Entry, address: Address, asked: SpecifierSet, origin: Origin) -> str:
    """The version at an address. An address that does not show it counts as the version of the training."""
    installed = origin.distributions.get(entry.name)
    version = address.version or (installed.version if installed else "")
    if version and not asked.contains(version, prereleases=True):
        message = f"{entry.name}{asked} excludes {version}, which comes from the address"
        raise entry.written.wrong(message, "remove one of the two entries")
    return version


def _check_one_address(name: str, asked: Iterable[Entry]) -> None:
    lines = {entry.address.line: entry for entry in asked if entry.name == name and entry.address}
    if len(lines) > 1:
        raise lines.popitem()[1].written.wrong(f"{name} has another address in another entry", "remove one of them")


def _absent(name: str, asked: SpecifierSet, origin: Origin, entry: Entry | None) -> Wrong:
    """The fault of a distribution that the origin lacks, and whose version nobody names."""
    place, option = (entry.written.place, entry.written.option) if entry else ("", "environment")
    meant = next(iter(origin.providers(name.replace("-", "_"))), None)
    if origin.model.is_recorded:
        message = f"{place}{name}{asked} was not installed when the model was registered"
        way_out = f"install it and train again, or pin it: {name}==VERSION"
    else:
        message = f"{place}{name}{asked} is not installed here, so its version is not known"
        way_out = f"`pip install {name}`, or pin it: {name}==VERSION"
    if entry and entry.written.is_conda:
        way_out = f"Lading does not know whether {name} is a Python distribution: pin {name}==VERSION, or remove it"
    return Wrong(message, hint=f"did you mean {meant}?" if meant else way_out, option=option)


def exactly(asked: SpecifierSet) -> str | None:
    """The one version that `==` names."""
    exact = {one.version for one in asked if one.operator == "==" and not one.version.endswith(".*")}
    return exact.pop() if len(exact) == 1 else None


def _public(name: str, version: str, place: str = "", option: str = "environment") -> str:
    """A version without its local label (`+cpu`). The label names a build that the public index does not serve."""
    try:
        return Version(version).public
    except InvalidVersion:
        message = f"{place}{name} has the version {version!r}, which pip cannot install"
        raise Wrong(message, hint="install a release", option=option) from None


def _closure(
    wanted: Iterable[Requirement], chosen: Mapping[str, str], origin: Origin
) -> tuple[dict[str, str], set[str]]:
    versions, missing = dict(chosen), set[str]()
    seen: set[tuple[str, str]] = set()
    todo = [need for requirement in wanted for need in _with_extras(requirement)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        recorded = origin.distributions.get(name)
        if recorded is None:
            if name not in chosen:
                missing.add(name)
            continue
        if name not in versions:
            versions[name] = _public(name, recorded.version)
        todo += _needs(recorded, extra, origin.python)
    return versions, missing


def _needs(distribution: Distribution, extra: str, python: str) -> list[tuple[str, str]]:
    """The requirements of a distribution, or of one of its extras, on this machine: (canonical name, extra) pairs."""
    needs = []
    for text in distribution.requires:
        with suppress(InvalidRequirement):  # metadata from before PEP 508
            requirement = Requirement(text)
            needs += _with_extras(requirement) if applies(requirement.marker, python, extra) else []
    return needs


def _with_extras(requirement: Requirement) -> list[tuple[str, str]]:
    return [(canonicalize_name(requirement.name), extra) for extra in ("", *sorted(requirement.extras))]


def _skew(model: ExpectedModel, pinned: str | None, asked: Iterable[Entry]) -> list[PackageProblem]:
    made_with = model.framework_version
    if model.framework != SKLEARN or not made_with or not pinned:
        return []
    if Version(pinned) == Version(_public(SKLEARN, made_with)):
        return []
    is_made = _is_made(model)
    made = "was made" if is_made else "will be made"
    message = f"{model.name} {made} with scikit-learn {made_with}, and its package would pin {pinned}"
    other = f"pin it (`environment: {{pip: [scikit-learn=={made_with}]}}`) with `python: isolated` on the target local"
    is_release = not Version(made_with).is_devrelease and not Version(made_with).local
    install = f"install scikit-learn {made_with}" if is_made else f"install scikit-learn {pinned} to train with it"
    hint = f"{install}; {f'or {other}; ' if is_release else ''}or set "
    hint += "`allow_version_skew: true` under package"
    return [_at(SKLEARN, asked, PackageProblem(message=message, hint=hint, option="environment", refused=True))]


def _is_made(model: ExpectedModel) -> bool:
    return model.is_recorded or bool(model.finished)


def _at(name: str, asked: Iterable[Entry], problem: PackageProblem) -> PackageProblem:
    """A problem with the pin of a distribution, at the entry that names it."""
    entry = next((entry for entry in asked if entry.name == name), None)
    if entry is None:
        return problem
    return replace(problem, message=f"{entry.written.place}{problem.message}", option=entry.written.option)


def _unfit(model: ExpectedModel, versions: Mapping[str, str], asked: Iterable[Entry]) -> list[PackageProblem]:
    """The pins that do not fit the version of the framework which made a finished model.

    The metadata of an old version does not exclude what was released after it.
    """
    needs = [Requirement(text) for text in model.requires]
    if not model.framework_version or versions.get(SKLEARN) != _public(SKLEARN, model.framework_version):
        return []
    made_with = f"{model.name} was made with scikit-learn {model.framework_version}"
    hint = "pin versions that fit together: `lading init --model FILE` in an empty folder writes them"
    problems = []
    for need in needs:
        name = canonicalize_name(need.name)
        if versions.get(name) and not need.specifier.contains(versions[name], prereleases=True):
            message = f"{made_with}, which needs {need}, and its package would pin {need.name} {versions[name]}"
            problems.append(_at(name, asked, PackageProblem(message=message, hint=hint, option="environment")))
    return problems
