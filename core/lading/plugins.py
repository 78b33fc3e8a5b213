"""Which plugins are installed, and loading one by its name.

Listing reads the entry points of every distribution on `sys.path` without importing anything, importlib.metadata
included: that module alone would cost a command that has nothing to do a third of its time.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import BadInput, PluginError

PLUGINS = "lading.plugins"
TARGETS = "lading.targets"
GROUPS = (PLUGINS, TARGETS)


@dataclass(frozen=True)
class Installed:
    """A plugin as its distribution announces it; `value` is the entry point, `module` or `module:attribute`."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    def __str__(self) -> str:
        kind = "target" if self.group == TARGETS else "plugin"
        return f"{kind} '{self.name}' ({self.distribution} {self.version})"


def installed(group: str) -> tuple[Installed, ...]:
    """Every plugin of a group, by name; two distributions may offer the same name."""
    return tuple(sorted((p for p in _scan()[0] if p.group == group), key=lambda p: (p.name, p.distribution)))


def distribution_version(name: str) -> str | None:
    """The version of an installed distribution, None where it is not installed."""
    return _scan()[1].get(_canonical(name))


def find(group: str, name: str) -> Installed:
    """The one plugin of that name.

    Raises BadInput where there is none, and PluginError where several distributions offer it.
    """
    found = [plugin for plugin in installed(group) if plugin.name == name]
    if not found:
        raise BadInput(_unknown(group, name))
    if len(found) > 1:
        owners = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in found)
        raise PluginError(f"'{name}' is offered by {owners}", hint="uninstall one of them")
    return found[0]


def load(plugin: Installed) -> object:
    """Import a plugin. Raises PluginError, naming its distribution, where that fails."""
    module, _, attribute = plugin.value.partition(":")
    try:
        loaded: object = importlib.import_module(module)
        for part in filter(None, attribute.split(".")):
            loaded = getattr(loaded, part)
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(
            f"{plugin} cannot be imported: {reason}",
            hint=f"repair or uninstall {plugin.distribution}; -v shows where it fails",
        ) from error
    return loaded


def _unknown(group: str, name: str) -> str:
    import difflib

    kind = "target" if group == TARGETS else "plugin"
    names = sorted({plugin.name for plugin in installed(group)})
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"no {kind} named '{name}' is installed (did you mean {close[0]}?)"
    return f"no {kind} named '{name}' is installed; there are: {', '.join(names) or 'none'}"


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


@cache
def _scan() -> tuple[tuple[Installed, ...], dict[str, str]]:
    plugins: list[Installed] = []
    versions: dict[str, str] = {}
    for folder in sys.path:
        for name, version, metadata in _distributions(folder or "."):
            if _canonical(name) not in versions:  # the first on the path is the one that is imported
                versions[_canonical(name)] = version
                plugins += _entry_points(metadata, name, version)
    return tuple(plugins), versions


def _distributions(folder: str) -> Iterator[tuple[str, str, str]]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - thousands of names, of which few become paths
    except OSError:
        return
    for name in names:
        if name.endswith(".dist-info"):
            distribution, _, version = name.removesuffix(".dist-info").partition("-")
            yield distribution, version, f"{folder}/{name}/entry_points.txt"


def _entry_points(metadata: str, distribution: str, version: str) -> Iterator[Installed]:
    try:
        text = Path(metadata).read_text(encoding="utf-8")
    except OSError:
        return
    if "[lading." not in text:
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]")
        elif group in GROUPS and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield Installed(group, name.strip(), value.strip(), distribution.replace("_", "-"), version)
