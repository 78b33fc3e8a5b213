"""A plugin's fault in words: what broke, which field is of a wrong type, and what to do about it."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any

from ..errors import LadingError

_LONGEST = 1000  # characters of an exception's text: some hold a whole response


def reason(error: BaseException) -> str:
    """What an exception says, on one line and without control characters."""
    if isinstance(error, LadingError):
        return error.message
    try:
        text = str(error)
    except Exception:  # whoever wrote the exception wrote its text as well
        text = ""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST]
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__


def remedy(distribution: str, error: BaseException) -> str:
    """The next step for whoever installed the distribution, whose extras are read where a module is missing."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        extras = tuple(_extras(distribution, error.name))
        if extras:
            return " or ".join(f"pip install '{distribution}[{extra}]'" for extra in extras)
    elif isinstance(error, ImportError) and error.name == "lading":
        return f"{distribution} may need a newer Lading: pip install --upgrade lading; -v shows where it fails"
    return f"repair or uninstall {distribution}, or tell its authors; -v shows where it fails"


def misfit(answer: object, kind: type) -> str | None:
    """The first field of a record that is not of the type which `kind` declares for it, in words.

    What a sequence or a mapping holds is left open.
    """
    if not is_dataclass(kind):
        return None
    names = {**vars(builtins), **vars(sys.modules[kind.__module__]), "None": type(None)}
    for field in fields(kind):
        value, declared = getattr(answer, field.name), str(field.type)
        if not isinstance(value, tuple(_classes(declared, names))):
            return f"{kind.__name__}.{field.name} is {type(value).__name__}, not {declared}"
    return None


def strange_argument(loaded: object, contract: Mapping[str, Callable[..., object]]) -> str | None:
    """The first hook that asks for what the contract does not give to it, in words."""
    import inspect

    for hook in (name for name in contract if hasattr(loaded, name)):
        given, asked = (inspect.signature(found).parameters for found in (contract[hook], getattr(loaded, hook)))
        strange = [name for name in asked if name not in given and asked[name].default is inspect.Parameter.empty]
        if strange:
            return f"asks {hook} for '{strange[0]}'; what that is given is {', '.join(given) or 'nothing'}"
    return None


def _classes(declared: str, names: dict[str, Any]) -> Iterator[type]:
    for alternative in declared.split(" | "):
        found = names.get(alternative.partition("[")[0], Any)
        yield object if found is Any else found
        if found is float:
            yield int


def _extras(distribution: str, module: str) -> list[str]:
    """The extras that bring a missing module: by name, else every one that is not wholly installed."""
    lacking = dict(_lacking(distribution))
    top = _letters(module.partition(".")[0])
    named = [extra for extra, names in lacking.items() if any(top in _letters(name) for name in (extra, *names))]
    return named or list(lacking)


def _lacking(distribution: str) -> Iterator[tuple[str, list[str]]]:
    """Each extra of a distribution with the requirements of it that are not installed."""
    from importlib.metadata import PackageNotFoundError, metadata, requires

    from packaging.requirements import InvalidRequirement, Requirement

    with suppress(PackageNotFoundError, InvalidRequirement):
        optional = [found for found in map(Requirement, requires(distribution) or ()) if found.marker]
        for extra in metadata(distribution).get_all("Provides-Extra") or ():
            names = [found.name for found in optional if _only_for(extra, found) and _is_absent(found.name)]
            if names:
                yield extra, names


def _only_for(extra: str, requirement: Any) -> bool:
    return requirement.marker.evaluate({"extra": extra}) and not requirement.marker.evaluate({"extra": ""})


def _is_absent(distribution: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(distribution)
    except PackageNotFoundError:
        return True
    return False


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
