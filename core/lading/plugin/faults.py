"""Describe a plugin's fault: what broke, which field has a wrong type, and how to repair it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import LadingError, Transient

if TYPE_CHECKING:
    from ..model import Keys

_FULL = (errno.ENOSPC, errno.EDQUOT)
_LONGEST = 1000  # characters of an exception's text, because some contain a whole response


def reason(error: BaseException) -> str:
    """The text of an exception on one line, without control characters."""
    if isinstance(error, LadingError):
        return error.message
    try:
        text = str(error)
    except Exception:  # the plugin's own exception class makes this text, so it can fail too
        text = ""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST]
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__


def full_disk(error: BaseException) -> Transient | None:
    """The failure in words if a disk has no space or no inodes left; None for any other error."""
    if not isinstance(error, OSError):
        return None
    path, text = error.filename, str(error)
    if error.errno is None and error.args and isinstance(error.args[0], list):  # `shutil.copytree` lists its failures
        (_source, path, text), *_more = error.args[0]
    full = next((code for code in _FULL if error.errno == code or os.strerror(code) in text), None)
    if full is None:
        return None
    return Transient(
        f"{path or 'a file'}: {os.strerror(full).lower()}", hint="free some space, then run the same command again"
    )


def remedy(distribution: str, error: BaseException) -> str:
    """The next step for the user. If a module is missing, the distribution's extras are read to find it."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        extras = tuple(_extras(distribution, error.name))
        if extras:
            return " or ".join(f"pip install '{distribution}[{extra}]'" for extra in extras)
    elif isinstance(error, ImportError) and error.name == "lading":
        return f"{distribution} may need a newer Lading: pip install --upgrade lading; -v shows where it fails"
    return f"repair or uninstall {distribution}, or report it to its authors; -v shows where it fails"


def unusable(answer: object) -> str | None:
    """The first address of an answer that no HTTP request can use, or path outside its folder, in words."""
    if hasattr(answer, "files") and hasattr(answer, "commands"):  # `Ejected`
        wrong = next((path for path in answer.files if _is_outside(path)), None)
        return None if wrong is None else f"Ejected.files[{wrong!r}] is not a path in the folder"
    if not hasattr(answer, "uri"):
        return None
    devices = getattr(answer, "devices", {})  # by attribute, because loading `Candidate` costs an idle deploy 5 ms
    addresses = {"uri": answer.uri, **{f"devices[{name!r}]": uri for name, uri in devices.items()}}
    bad = next((item for item in addresses.items() if not _is_http(item[1])), None)
    if bad is None:
        return None
    return f"{type(answer).__name__}.{bad[0]} is {bad[1]!r}, which is not an http address with a host"


def unusable_key(keys: Keys) -> str | None:
    """The first key that no HTTP header can hold, in words; the key is not shown."""
    given = {"primary": keys.primary, "secondary": keys.secondary}
    name = next((name for name, key in given.items() if key and not _is_plain(key.reveal())), None)
    return f"Keys.{name} is not a value of an HTTP header" if name else None


def _is_outside(path: str) -> bool:
    from pathlib import PurePosixPath

    parts = PurePosixPath(path)
    return not parts.name or parts.is_absolute() or ".." in parts.parts or not path.isprintable() or "\\" in path


def _is_http(address: object) -> bool:
    from urllib.parse import urlsplit

    if not isinstance(address, str) or not _is_plain(address) or " " in address:
        return False
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port  # a port that is not a number raises
    except ValueError:
        return False
    labels = (host or "").removesuffix(".").split(".")
    return parts.scheme in ("http", "https") and all(0 < len(label) < 64 for label in labels)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def strange_argument(loaded: object, contract: Mapping[str, Callable[..., object]]) -> str | None:
    """Describe the first hook with an argument that the contract does not have."""
    import inspect

    for hook in (name for name in contract if hasattr(loaded, name)):
        given, asked = (inspect.signature(found).parameters for found in (contract[hook], getattr(loaded, hook)))
        strange = [name for name in asked if name not in given and asked[name].default is inspect.Parameter.empty]
        if strange:
            return f"takes '{strange[0]}' in {hook}, whose arguments are {', '.join(given) or 'none'}"
    return None


def special_kind(function: object) -> str | None:
    """The kind of a function whose call does not run its body; None for a plain function."""
    import inspect

    kinds: dict[str, Callable[[Any], bool]] = {
        "a coroutine function": inspect.iscoroutinefunction,
        "an async generator function": inspect.isasyncgenfunction,
        "a generator function": inspect.isgeneratorfunction,
    }
    return next((kind for kind, is_kind in kinds.items() if is_kind(function)), None)


def _extras(distribution: str, module: str) -> list[str]:
    """The extras that provide a missing module: by name, else every extra that is not completely installed."""
    lacking = dict(_lacking(distribution))
    top = _letters(module.partition(".")[0])
    named = [extra for extra, names in lacking.items() if any(top in _letters(name) for name in (extra, *names))]
    return named or list(lacking)


def _lacking(distribution: str) -> Iterator[tuple[str, list[str]]]:
    """Each extra of a distribution with its requirements that are not installed."""
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
