"""Judge the environment and the scoring script of a package, before and after its model is made."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lading import ExpectedModel, PackageProblem

from . import entries as reading
from .environment import Asked, Environment
from .imports import Imported, imports_of
from .names import meant
from .origin import Origin
from .pins import SERVER, SKLEARN, Pins, pin
from .sources import Source, read_source
from .wrong import Wrong

_OF_SERVER = ("azureml", "inference_schema")  # modules that come with the server of Azure


@dataclass(frozen=True)
class Judged:
    """The pins of a package with all problems, and the source of its environment.

    `by_pip` are the conda packages that pip installs, and `channels` those of the environment.
    """

    pins: Pins
    source: Source
    channels: tuple[str, ...] = ()
    by_pip: tuple[str, ...] = ()


def expected_problems(asked: Asked, model: ExpectedModel) -> Sequence[PackageProblem]:
    """The problems that are known before the model is made."""
    needs = _expected_needs(asked, model)
    return judge(asked, model, needs or (), closed=needs is not None).pins.problems


def judge(asked: Asked, model: ExpectedModel, needs: Iterable[str], *, closed: bool = True) -> Judged:
    """Pin an environment, and the distributions in `needs` and those that the model imports.

    The imports of the scoring script are compared with the pins if these are `closed`: if nothing is pinned later.
    """
    environment, origin = asked.environment or Environment(), Origin(model)
    source = read_source(environment, model.python)
    entries, problems = reading.read(source.written)
    origin.add_wheels(entries)
    libraries, unknown = _libraries(origin, asked)
    locked = environment.lock is not None
    if source.problems or (locked and problems):  # the entries are not complete
        needs, libraries = [], []
    pins = pin(origin, entries, [*needs, *libraries], allow_skew=asked.allow_skew, locked=locked)
    problems = [*source.problems, *problems, *pins.problems]
    if closed and not problems:
        problems += _missing_imports(asked, origin, pins, {entry.name for entry in entries})
    return Judged(
        replace(pins, missing=(*pins.missing, *unknown), problems=tuple(problems)),
        source,
        channels=tuple(dict.fromkeys((*(e.channel for e in entries if e.channel), *source.channels))),
        by_pip=tuple(dict.fromkeys(e.name for e in entries if e.written.is_conda and e.name != "python")),
    )


def _expected_needs(asked: Asked, model: ExpectedModel) -> list[str] | None:
    """The distributions that are pinned without being named. None if only the training shows them."""
    if asked.environment is not None or not asked.script:
        return []
    if model.imports is None:
        return None
    return [SKLEARN] if "sklearn" in model.imports else []


def _libraries(origin: Origin, asked: Asked) -> tuple[list[str], list[str]]:
    """The distributions that loading the model imports, and the modules that no distribution provides."""
    if not any(found.modules for found in origin.distributions.values()):
        return [], []  # a record of an earlier version
    own = {path.stem for path in (*asked.beside, *([asked.script] if asked.script else []))}
    imported = set(origin.model.imports or ()) - own - sys.stdlib_module_names - {"?", "__main__", "__builtin__"}
    provided = {module: origin.providers(module) for module in sorted(imported)}
    known = [names[0] for names in provided.values() if names]
    return known, [module for module, names in provided.items() if not names and module.isidentifier()]


def _missing_imports(asked: Asked, origin: Origin, pins: Pins, names: set[str]) -> list[PackageProblem]:
    """The imports of the manifest's scoring script that its package will not have."""
    script = asked.script
    if script is None or not any(found.modules for found in origin.distributions.values()):
        return []
    try:
        found = imports_of(script, asked.beside)
    except Wrong as error:
        return [error.problem]
    first = {imported.top: imported for imported in reversed(found)}
    is_opaque = not origin.knows_modules(pins.versions)
    has_server = SERVER in names
    return [
        _missing(asked, origin, imported, script)
        for top, imported in sorted(first.items(), key=lambda item: item[1].line)
        if not _has(origin, pins, top, is_opaque=is_opaque) and not (has_server and top in _OF_SERVER)
    ]


def _has(origin: Origin, pins: Pins, module: str, *, is_opaque: bool) -> bool:
    """Whether the pins may provide a module."""
    providers = origin.providers(module)
    if any(name in pins.versions for name in providers):
        return True
    return is_opaque and (not providers or _guess(origin, module) in pins.versions)


def _missing(asked: Asked, origin: Origin, imported: Imported, script: Path) -> PackageProblem:
    if file := _beside(script, imported.top):
        message = f"{imported}, which is not in the package"
        return PackageProblem(message=message, hint=f"add `{file.name}` to include", option="scoring_script")
    option = "environment" if asked.environment else "scoring_script"
    message = f"{imported}, which package.environment does not have"
    return PackageProblem(message=message, hint=f"add `{_guess(origin, imported.top)}`", option=option)


def _beside(script: Path, module: str) -> Path | None:
    """The project's own module of a name, beside the script or in one of the two folders above."""
    folders = (script.parent, *script.parent.parents[:2])
    files = [folder / f"{module}.py" for folder in folders]
    packages = [folder / module for folder in folders]
    return next((place for place in (*files, *packages) if place.is_file() or any(place.glob("*.py"))), None)


def _guess(origin: Origin, module: str) -> str:
    """The distribution that a module is imported from, as far as it is known here."""
    return next(iter(origin.providers(module)), None) or meant(module) or module
