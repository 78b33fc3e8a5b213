"""Judge the environment and the scoring script of a package, before and after its model is made."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lading import ExpectedModel, ExpectedPin, Installs, PackageProblem, script_problem

from . import entries as reading
from .entries import Entry
from .environment import Asked, Environment
from .imports import Imported, imports_of, own_places
from .names import meant
from .namespaces import known_owner
from .origin import Origin
from .pins import SERVER, SKLEARN, Pins, pin
from .sources import Source, read_source
from .wrong import Wrong

_OF_SERVER = ("azureml", "inference_schema")  # modules that come with the server of Azure


@dataclass(frozen=True)
class Judged:
    """The pins of a package with all problems, and the source of its environment with its entries.

    `by_pip` are the conda packages that pip installs, and `channels` those of the environment.
    """

    pins: Pins
    source: Source
    entries: Sequence[Entry] = ()
    channels: tuple[str, ...] = ()
    by_pip: tuple[str, ...] = ()


def expected_problems(asked: Asked, model: ExpectedModel) -> Sequence[PackageProblem]:
    """The problems that are known before the model is made."""
    needs = _expected_needs(asked, model)
    return judge(asked, _with_framework(model), needs or (), closed=needs is not None).pins.problems


def expected_pins(asked: Asked, model: ExpectedModel) -> list[ExpectedPin]:
    """The pins that are known before the package is made. Empty if only the training shows them."""
    is_of_sklearn = SKLEARN in (model.framework, *_expected_framework(model))
    if asked.environment is None and model.imports is None:
        return []
    needs = [SKLEARN] if is_of_sklearn and not (asked.script and asked.environment) else []
    judged = judge(asked, _with_framework(model), needs, closed=False)
    if judged.pins.problems:
        return []
    written = {entry.name: entry.written for entry in judged.entries}
    return [
        ExpectedPin(requirement=line, option=named.option, place=named.place)
        if (named := written.get(name))
        else ExpectedPin(requirement=line)
        for name, line in zip(judged.pins.versions, judged.pins.requirements, strict=True)
    ]


def _with_framework(model: ExpectedModel) -> ExpectedModel:
    """The model with the framework that this machine will train it with, if its trainer names scikit-learn."""
    if model.framework or model.is_recorded or "sklearn" not in (model.imports or ()):
        return model
    installed = model.find_distributions().get(SKLEARN)
    return replace(model, framework=SKLEARN, framework_version=installed.version) if installed else model


def judge(asked: Asked, model: ExpectedModel, needs: Iterable[str], *, closed: bool = True) -> Judged:
    """Pin an environment, and the distributions in `needs` and those that the model imports.

    The imports of the scoring script are compared with the pins if these are `closed`: if nothing is pinned later.
    """
    environment, origin = asked.environment or Environment(), Origin(model)
    source = read_source(environment, model.python)
    entries, problems = reading.read(source.written, model.python)
    origin.add_wheels(entries)
    own = _own_modules(asked, model)
    libraries, unknown = _libraries(origin, asked, own.imports)
    locked = environment.lock is not None
    if source.problems or (locked and problems):  # the entries are not complete
        needs, libraries = [], []
    pins = pin(origin, entries, [*needs, *libraries], allow_skew=asked.allow_skew, locked=locked)
    problems = [*source.problems, *problems, *pins.problems]
    problems += [*own.problems, *_script_problems(asked.script)]
    problems += _obstacles(model.installs, [entry for entry in entries if entry.name in pins.addresses])
    if closed and not problems:
        problems += _missing_imports(asked, origin, pins, {entry.name for entry in entries}, own.imports)
    return Judged(
        replace(pins, missing=(*pins.missing, *unknown), problems=tuple(problems)),
        source,
        entries,
        channels=tuple(dict.fromkeys((*(e.channel for e in entries if e.channel), *source.channels))),
        by_pip=tuple(dict.fromkeys(e.name for e in entries if e.written.is_conda and e.name != "python")),
    )


def _expected_needs(asked: Asked, model: ExpectedModel) -> list[str] | None:
    """The distributions that are pinned without being named. None if only the training shows them."""
    if asked.environment is not None or not asked.script:
        return []
    if model.imports is None:
        return None
    return _expected_framework(model)


def _expected_framework(model: ExpectedModel) -> list[str]:
    return [SKLEARN] if "sklearn" in (model.imports or ()) else []


def _script_problems(script: Path | None) -> list[PackageProblem]:
    problem = script_problem(script, {"init": 0, "run": 1}) if script else ""
    hint = "write def init(): ... and def run(raw_data): ..."
    return [PackageProblem(message=problem, hint=hint, option="scoring_script")] if problem else []


@dataclass(frozen=True)
class _Own:
    """The imports of the project's own modules that loading the model imports, and the problems of these modules."""

    imports: list[Imported]
    problems: list[PackageProblem]


def _own_modules(asked: Asked, model: ExpectedModel) -> _Own:
    beside, needed = {path.name for path in asked.beside}, {path for path in model.modules if path.is_dir()}
    problems = [
        PackageProblem(
            message=f"the model imports {path.name}, a folder of the project that is not in the package",
            hint=f"add `{path.name}` to include",
            option="include",
        )
        for path in sorted(needed)
        if path.name not in beside
    ]
    named = set(model.imports or ())
    tops = {path.stem: path for path in asked.beside if path.stem in named}
    within = [file for name in model.full_imports for file in _files_of(name, tops)]
    try:
        return _Own(imports_of(tops.values(), asked.beside, within=within, option="include"), problems)
    except Wrong as error:
        return _Own([], [*problems, error.problem])


def _files_of(module: str, tops: Mapping[str, Path]) -> list[Path]:
    """The files of the project that importing a module with dots runs."""
    place = tops.get(module.partition(".")[0])
    return Imported(module, place, 0).files(place) if place else []


def _obstacles(installs: Mapping[str, Installs], addressed: Iterable[Entry]) -> list[PackageProblem]:
    """The addresses that a target or an image of the command cannot install."""
    found = [
        (block, entry, *each.obstacle(entry.address.line.partition(" @ ")[2]))
        for block, each in installs.items()
        for entry in addressed
        if entry.address
    ]
    return [
        entry.written.wrong(f"{block} cannot install {entry.name}: {reason}", hint).problem
        for block, entry, reason, hint in found
        if reason
    ]


def _libraries(origin: Origin, asked: Asked, more: Iterable[Imported]) -> tuple[list[str], list[str]]:
    """The distributions that loading the model imports, and the modules that no distribution provides."""
    if not any(found.modules for found in origin.distributions.values()):
        return [], []  # a record of an earlier version
    scripts = [asked.script] if asked.script else []
    own = {*own_places(scripts, asked.beside), *(path.stem for path in origin.model.modules)}
    imported = set(origin.model.imports or ()) - own - sys.stdlib_module_names - {"?", "__main__", "__builtin__"}
    parts = {part.module for one in more if not (one.unless or one.given) for part in origin.parts(one)}
    modules = {*_with_dots(imported, origin.model.full_imports), *parts}
    provided = {module: origin.providers(module) for module in sorted(modules)}
    tops = {module.partition(".")[0] for module, names in provided.items() if not names} & imported
    return [names[0] for names in provided.values() if names], sorted(filter(str.isidentifier, tops))


def _with_dots(tops: set[str], full: Iterable[str]) -> set[str]:
    """The modules of a model with dots. A module without any is one that only `tops` names."""
    dotted = {module for module in full if module.partition(".")[0] in tops}
    return dotted | (tops - {module.partition(".")[0] for module in dotted})


def _missing_imports(
    asked: Asked, origin: Origin, pins: Pins, names: set[str], own: Iterable[Imported]
) -> list[PackageProblem]:
    """The imports of the manifest's scoring script and of the model's modules that the package will not have."""
    if not any(found.modules for found in origin.distributions.values()):
        return []
    try:
        found = imports_of([asked.script] if asked.script else [], asked.beside)
    except Wrong as error:
        return [error.problem]
    is_opaque = not origin.knows_modules(pins.versions)
    has_server = SERVER in names

    def has(imported: Imported) -> bool:
        is_there = _has(origin, pins, imported.module, is_opaque=is_opaque)
        return is_there or (has_server and imported.top in _OF_SERVER)

    def succeeds(imported: Imported) -> bool:
        return all(map(has, origin.parts(imported)))

    run = [one for one in (*found, *own) if all(map(succeeds, one.given)) and not _is_replaced(one, succeeds)]
    lacking = [part for imported in run for part in origin.parts(imported) if not has(part)]
    first = {_guess(origin, part.module) or part.top: part for part in reversed(lacking)}
    return [_missing(asked, origin, imported) for imported in sorted(first.values(), key=lambda one: one.line)]


def _is_replaced(imported: Imported, succeeds: Callable[[Imported], bool]) -> bool:
    """Whether an import in a handler does not run, because the imports of one `try` around it succeed."""
    return any(all(map(succeeds, group)) for group in imported.unless)


def _has(origin: Origin, pins: Pins, module: str, *, is_opaque: bool) -> bool:
    """Whether the pins may provide a module."""
    providers = origin.providers(module)
    if any(name in pins.versions for name in providers):
        return True
    return is_opaque and (not providers or _guess(origin, module) in pins.versions)


def _missing(asked: Asked, origin: Origin, imported: Imported) -> PackageProblem:
    named = "scoring_script" if asked.script else "include"
    if file := _beside(imported.script, imported.top):
        message = f"{imported}, which is not in the package"
        return PackageProblem(message=message, hint=f"add `{file.name}` to include", option=named)
    option = "environment" if asked.environment else named
    guess = _guess(origin, imported.module)
    hint = f"add `{guess}`" if guess else f"add the distribution that has it, often `{imported.top}`"
    return PackageProblem(message=f"{imported}, which package.environment does not have", hint=hint, option=option)


def _beside(script: Path, module: str) -> Path | None:
    """The project's own module of a name, beside the script or in one of the two folders above."""
    folders = (script.parent, *script.parent.parents[:2])
    files = [folder / f"{module}.py" for folder in folders]
    packages = [folder / module for folder in folders]
    return next((place for place in (*files, *packages) if place.is_file() or any(place.glob("*.py"))), None)


def _guess(origin: Origin, module: str) -> str | None:
    """The distribution that a module is imported from, as far as it is known here."""
    top = module.partition(".")[0]
    return next(iter(origin.providers(module)), None) or known_owner(module) or meant(top)
