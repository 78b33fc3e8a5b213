"""The decision whether a model from elsewhere may be loaded, and whether a release of it could answer.

`check`, `plan`, `register` and `deploy` share it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import NotUp, Refused
from ...manifest.words import IMPORT_NAME

if TYPE_CHECKING:
    from ...manifest import Manifest
    from ...model import Import, Json, TrainedModel

_COMPUTED = "a name that it composes while it is loaded"


class Loading(NamedTuple):
    """The effects of loading a model: the imports that are not known to be harmless, and whether these are all.

    Some of these names are `dangerous`: they can run code, or reach files or a network. `holds` says what the file
    holds if that is not a fitted model.
    """

    names: tuple[str, ...] = ()
    complete: bool = True
    dangerous: tuple[str, ...] = ()
    holds: str = ""

    @classmethod
    def of(cls, made: TrainedModel) -> Loading:
        """The imports that a trainer found. A trainer that does not read model files finds none."""
        contents = made.contents
        if contents is None:
            return cls()
        return cls(_paths(contents.unknown), contents.complete, _paths(contents.dangerous), contents.holds)

    @classmethod
    def known(cls, output: Json) -> Loading | None:
        """Rebuild from the stored form. None if nothing is stored, or not what the file holds."""
        if output is None or "holds" not in output:
            return None
        return cls(tuple(output["names"]), output["complete"], tuple(output["dangerous"]), output["holds"])

    def output(self) -> Json:
        """The stored form."""
        return {**self._asdict(), "names": list(self.names), "dangerous": list(self.dangerous)}


def admit(manifest: Manifest, loading: Loading, model: str) -> None:
    """Raise Refused unless the manifest trusts each import of a model. The message has the line that is missing.

    A class of a module that the manifest packages is trusted: the project's own code runs anyway.
    """
    refused = refusal(loading._replace(names=tuple(_untrusted(manifest, loading.names))), model)
    if refused is not None:
        raise refused


def check_holds(manifest: Manifest, loading: Loading, model: str) -> None:
    """Raise NotUp for a file without a fitted model, if the scoring script needs one."""
    script_is_own = manifest.package.options.own_script if manifest.package else None
    if loading.holds and script_is_own is False:
        raise NotUp(
            f"{model} holds {loading.holds}, and the default scoring script needs a fitted model with predict()",
            hint="save the fitted model alone, or name a scoring_script under package that uses what the file holds",
        )


def refusal(loading: Loading, model: str) -> Refused | None:
    """The refusal of a model, if nothing in it is trusted. None if it imports only known names."""
    if loading.names:
        shown = (_shown(name) + " (dangerous)" * (name in loading.dangerous) for name in loading.names)
        return Refused(f"{model} is not loaded, because it imports {', '.join(shown)}", hint=_remedy(loading))
    if not loading.complete:
        return Refused(
            f"{model} is not loaded, because it cannot be read to its end, so its imports are not known",
            hint="save it with joblib and compress='gzip', or ask its author for another copy",
        )
    return None


def trust_line(loading: Loading) -> str:
    """The line under `register:` that trusts a model. Empty if no line can, or if an import is dangerous."""
    names = loading.names
    is_ready = _are_expressible(names) and not set(names) & set(loading.dangerous)
    return f"trust: [{', '.join(names)}]" if names and is_ready else ""


def _are_expressible(names: Iterable[str]) -> bool:
    return all(re.match(IMPORT_NAME, name) for name in names)


def _paths(imports: Iterable[Import]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found.path for found in imports))


def _untrusted(manifest: Manifest, names: Iterable[str]) -> Iterator[str]:
    packaged = manifest.package.inputs.values() if manifest.package else ()
    for name in names:
        if name not in manifest.register.trust and not _is_own_class(name, packaged):
            yield name


def _shown(name: str) -> str:
    return name if re.match(IMPORT_NAME, name) else _COMPUTED if name == "?.?" else repr(name)


def _remedy(loading: Loading) -> str:
    if not _are_expressible(loading.names):
        return "no manifest can allow this: ask the author for a file that joblib saved"
    if any(name.startswith("__main__.") for name in loading.names):
        return "move what was defined in the program itself into a module, save the model again, and package the module"
    line = trust_line(loading)
    if not line:
        return "such an import can run any code: ask the author why the model needs it, before you trust it by its name"
    return f"if you trust its author, add under register: `{line}`"


def _is_own_class(name: str, packaged: Iterable[Path]) -> bool:
    """Whether a packaged module itself defines a class. A function, or a name that a module imports, does not count."""
    top, *parts = name.split(".")
    if not all(map(str.isidentifier, (top, *parts))):
        return False  # as a path it could lead out of the packaged folders
    for place in packaged:
        if place.stem == top and place.suffix == ".py":
            return _defines(place, parts)
        if place.name == top and place.is_dir():
            return any(_defines(source, wanted) for source, wanted in _sources(place, parts))
    return False


def _sources(folder: Path, parts: Sequence[str]) -> Iterator[tuple[Path, Sequence[str]]]:
    """The modules below a folder that the first of some names may mean, each with the other names."""
    for depth in range(len(parts)):
        inner = folder.joinpath(*parts[:depth])
        yield inner / "__init__.py", parts[depth:]
        if depth:
            yield inner.with_suffix(".py"), parts[depth:]


def _defines(source: Path, names: Sequence[str]) -> bool:
    """Whether a module defines a class, which can be inside another one, or below a condition."""
    with suppress(OSError, SyntaxError, ValueError, RecursionError):
        scopes: list[ast.AST] = [ast.parse(source.read_bytes())]
        for name in names:
            scopes = [each for scope in scopes for each in _classes(scope) if each.name == name]
        return bool(names and scopes)
    return False


def _classes(scope: ast.AST) -> Iterator[ast.ClassDef]:
    """The classes of a module or of a class, without those inside functions and other classes."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.ClassDef):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from _classes(node)
