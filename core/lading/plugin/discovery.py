"""Which plugins are installed, which of them may be loaded, and loading one by its name.

Listing reads the entry points of every distribution on `sys.path` without importing anything.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

from ..base import metadata
from ..errors import BadInput, Interrupted, PluginError

PLUGINS = "lading.plugins"
TARGETS = "lading.targets"
GROUPS = (PLUGINS, TARGETS)
RESTRICTION = "LADING_PLUGINS"
"""The variable that names, with commas between, the plugins that may be loaded beside Lading's own."""

speaker: ContextVar[str] = ContextVar("speaker", default="a plugin")
"""Whose code runs in this thread: what is printed meanwhile comes from there."""

_OWN = "lading"  # the distribution that reads the restriction can hold nobody off from itself


@dataclass(frozen=True)
class Installed:
    """A plugin as its distribution announces it; `value` is the entry point, `module` or `module:attribute`."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{_kind(self.group)} '{self.name}' ({self.distribution} {self.version})"


def installed(group: str) -> tuple[Installed, ...]:
    """Every plugin of a group, by name; two distributions may offer the same name."""
    return tuple(sorted((p for p in _scan() if p.group == group), key=lambda p: (p.name, p.distribution)))


def permitted(plugin: Installed) -> bool:
    """Whether a plugin may be loaded: by default all, else those of Lading itself and those that LADING_PLUGINS names.

    A name is the entry point's, which is the word that a manifest uses, in either group and whoever offers it.
    """
    names = os.environ.get(RESTRICTION)
    return names is None or plugin.distribution == _OWN or plugin.name in map(str.strip, names.split(","))


def find(group: str, name: str) -> Installed:
    """The one plugin of that name; one that may not be loaded is no rival.

    Raises BadInput where there is none, and PluginError where several distributions offer it.
    """
    found = [plugin for plugin in installed(group) if plugin.name == name]
    if not found:
        raise BadInput(_unknown(group, name))
    rivals = [plugin for plugin in found if permitted(plugin)] or found[:1]
    if len(rivals) > 1:
        owners = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in rivals)
        raise PluginError(f"{_kind(group)} '{name}' is offered by {owners}", hint="uninstall one of them")
    return rivals[0]


def load(plugin: Installed) -> object:
    """Import a plugin.

    Raises BadInput where it may not be loaded, and PluginError, naming its distribution, where that fails.
    """
    if not permitted(plugin):
        raise BadInput(_restricted(plugin))
    try:
        with speaking(plugin):
            return _import(plugin)
    except Interrupted as error:
        error.hint = f"{plugin} was being imported; `lading plugin list --probe` says whether that ends"
        raise
    except (PluginError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit among them: a module can raise what it likes
        from .faults import reason, remedy  # where nothing breaks, this is not loaded

        raise PluginError(
            f"{plugin} cannot be imported: {reason(error)}", hint=remedy(plugin.distribution, error)
        ) from error


@contextmanager
def speaking(plugin: Installed) -> Iterator[None]:
    """Lay what is printed in this thread at the plugin's door."""
    token = speaker.set(str(plugin))
    try:
        yield
    finally:
        speaker.reset(token)


def _import(plugin: Installed) -> object:
    name, _, attribute = plugin.value.partition(":")
    try:
        loaded: object = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise _leads_nowhere(plugin, name) from error
        raise
    for part in filter(None, attribute.split(".")):
        if not hasattr(loaded, part):
            raise _leads_nowhere(plugin, f"'{part}' in {name}")
        loaded = getattr(loaded, part)
    return loaded


def _leads_nowhere(plugin: Installed, missing: str) -> PluginError:
    return PluginError(
        f"{plugin} leads nowhere: {missing}, which its entry point names, does not exist",
        hint=f"pip install --force-reinstall {plugin.distribution}, or tell its authors",
    )


def _restricted(plugin: Installed) -> str:
    names = os.environ.get(RESTRICTION)
    if not names:
        lift = f"leave that out, or set {RESTRICTION}={plugin.name}"
        return f"{plugin} may not be loaded: --no-plugins, or an empty {RESTRICTION}, allows Lading's own alone; {lift}"
    return f"{plugin} may not be loaded: {RESTRICTION} is {names}; add {plugin.name} to it, or unset it"


def _kind(group: str) -> str:
    return "target" if group == TARGETS else "plugin"


def _unknown(group: str, name: str) -> str:
    import difflib

    kind = _kind(group)
    names = sorted({plugin.name for plugin in installed(group)})
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"no {kind} named '{name}' is installed (did you mean {close[0]}?)"
    return f"no {kind} named '{name}' is installed; there are: {', '.join(names) or 'none'}"


@cache
def _scan() -> tuple[Installed, ...]:
    first: dict[str, metadata.Metadata] = {}
    for found in metadata.installed():
        first.setdefault(found.key, found)  # the first on the path is the one that is imported
    return tuple(plugin for found in first.values() for plugin in _entry_points(found))


def _entry_points(found: metadata.Metadata) -> Iterator[Installed]:
    text = found.read("entry_points.txt") or ""
    if "[lading." not in text:
        return
    folder_name, _, folder_version = found.stem.partition("-")  # for a half-removed distribution
    distribution = found.header("Name") or folder_name.replace("_", "-")
    version = found.header("Version") or folder_version
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]")
        elif group in GROUPS and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield Installed(group, name.strip(), value.strip(), distribution, version)
