"""Find the installed plugins, decide which of them may be loaded, and load one by its name.

Listing reads the entry points of every distribution on `sys.path` without importing them.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import NamedTuple

from ..base import metadata
from ..errors import BadInput, Interrupted, PluginError
from ..model.description import Role

PLUGINS = "lading.plugins"
TARGETS = "lading.targets"
GROUPS = (PLUGINS, TARGETS)
RESTRICTION = "LADING_PLUGINS"
"""The variable with the names of plugins that may be loaded in addition to Lading's own, separated by commas."""

speaker: ContextVar[str] = ContextVar("speaker", default="a plugin")
"""The owner of the code that runs in this thread, and so of its output."""

_OWN = "lading"  # this distribution applies the restriction, so it cannot exclude itself


class Installed(NamedTuple):
    """A plugin as its distribution declares it. `value` is the entry point, `module` or `module:attribute`."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{_kind(self.group)} '{self.name}' ({self.distribution} {self.version})"

    @property
    def full_name(self) -> str:
        """The unique name of a plugin, as a manifest writes it: `DISTRIBUTION:NAME`."""
        return f"{self.distribution}:{self.name}"

    @property
    def is_ours(self) -> bool:
        """Whether it is part of Lading. Its plain name is reserved: no other distribution can take it."""
        return self.distribution == _OWN


def group_of(role: str) -> str:
    """The group of the plugins that fill a role of a manifest."""
    return TARGETS if role == Role.TARGET else PLUGINS


def installed(group: str) -> tuple[Installed, ...]:
    """Every plugin of a group, by name. Two distributions may offer the same name."""
    return tuple(sorted((p for p in _scan() if p.group == group), key=lambda p: (p.name, p.distribution)))


def permitted(plugin: Installed) -> bool:
    """Whether a plugin may be loaded. By default all may; otherwise only Lading's own and those in LADING_PLUGINS.

    A plain name means the entry point's name, in either group and of any distribution. A full name means one
    distribution.
    """
    names = os.environ.get(RESTRICTION)
    return names is None or plugin.is_ours or any(_has_name(plugin, name.strip()) for name in names.split(","))


def find(group: str, name: str) -> Installed:
    """Find the plugin with that plain or full name. For a plain name, Lading's own plugin comes first.

    Raises BadInput if there is none, and PluginError if several loadable distributions offer it.
    """
    rivals = _rivals(group, name)
    if not rivals:
        raise BadInput(_unknown(group, name))
    if len(rivals) > 1:
        owners = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in rivals)
        names = " or ".join(f"`plugin: {plugin.full_name}`" for plugin in rivals)
        raise PluginError(f"{_kind(group)} '{name}' is offered by {owners}", hint=f"write {names}")
    return rivals[0]


def find_any(name: str) -> Installed:
    """Find the plugin with that name in either group. A plugin comes before a target. Raises the same
    errors as `find`.
    """
    group = next((group for group in GROUPS if is_installed(group, name)), None)
    if group is None:
        raise BadInput(_unknown_in(GROUPS, _kind(PLUGINS), name))
    return find(group, name)


def is_installed(group: str, name: str) -> bool:
    """Whether a plugin of that name is installed, even if it may not be loaded."""
    return bool(_meant(group, name))


def is_usable(group: str, name: str) -> bool:
    """Whether a plugin of that name is installed and may be loaded."""
    return any(map(permitted, _meant(group, name)))


def is_doubled(plugin: Installed) -> bool:
    """Whether another distribution offers a plugin with this name too, and both may be loaded."""
    rivals = _rivals(plugin.group, plugin.name)
    return len(rivals) > 1 and plugin in rivals


def name_in_manifest(plugin: Installed) -> str:
    """The plugin's name for a manifest: the plain name, or the full name if the plain one is taken or ambiguous."""
    return plugin.full_name if _is_shadowed(plugin) or is_doubled(plugin) else plugin.name


def identity(group: str, name: str, *, beside: str = "") -> str:
    """The full name of the plugin that a name means, so that two names of one plugin are equal.

    `beside` is the distribution that uses the name. If several plugins have it, the plugin from that distribution is
    meant. The name is returned unchanged if no single plugin has it.
    """
    rivals = _rivals(group, name)
    own = [plugin for plugin in rivals if _normal(plugin.distribution) == _normal(beside)]
    named = own if len(rivals) > 1 else rivals
    return f"{_normal(named[0].distribution)}:{named[0].name}" if len(named) == 1 else name


def _rivals(group: str, name: str) -> list[Installed]:
    """The plugins that a name can mean. Plugins that may not be loaded are included only if all are so."""
    found = _meant(group, name)
    return [plugin for plugin in found if permitted(plugin)] or found[:1]


def _meant(group: str, name: str) -> list[Installed]:
    """The plugins with that plain or full name."""
    found = [plugin for plugin in installed(group) if _has_name(plugin, name)]
    return [plugin for plugin in found if plugin.is_ours] or found


def _is_shadowed(plugin: Installed) -> bool:
    return plugin not in _meant(plugin.group, plugin.name)


def _has_name(plugin: Installed, name: str) -> bool:
    distribution, colon, plain = name.rpartition(":")
    return plugin.name == plain and (not colon or _normal(plugin.distribution) == _normal(distribution))


def _normal(distribution: str) -> str:
    """The name of a distribution as an index compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def load(plugin: Installed) -> object:
    """Import a plugin.

    Raises BadInput if it may not be loaded. Raises PluginError, with the distribution's name, if the import fails.
    """
    if not permitted(plugin):
        raise BadInput(_restricted(plugin))
    try:
        with speaking(plugin):
            return _import(plugin)
    except Interrupted as error:
        error.hint = f"{plugin} was being imported; `lading plugin list --probe` shows whether that ends"
        raise
    except (PluginError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a module can raise any exception, including SystemExit
        from .faults import reason, remedy  # loaded only if something breaks

        raise PluginError(
            f"{plugin} cannot be imported: {reason(error)}", hint=remedy(plugin.distribution, error)
        ) from error


@contextmanager
def speaking(plugin: Installed) -> Iterator[None]:
    """Attribute the output of this thread to the plugin."""
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
        f"{plugin} cannot be loaded: its entry point names {missing}, which does not exist",
        hint=f"pip install --force-reinstall {plugin.distribution}, or report it to its authors",
    )


def _restricted(plugin: Installed) -> str:
    names = os.environ.get(RESTRICTION)
    if not names:
        lift = f"leave that out, or set {RESTRICTION}={plugin.name}"
        return f"{plugin} may not be loaded: --no-plugins, or an empty {RESTRICTION}, allows only Lading's own; {lift}"
    return f"{plugin} may not be loaded: {RESTRICTION} is {names}; add {plugin.name} to it, or unset it"


def _kind(group: str) -> str:
    return "target" if group == TARGETS else "plugin"


def _unknown(group: str, name: str) -> str:
    return _unknown_in((group,), _kind(group), name)


def _unknown_in(groups: tuple[str, ...], kind: str, name: str) -> str:
    import difflib

    names = sorted({name_in_manifest(plugin) for group in groups for plugin in installed(group)})
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"no {kind} named '{name}' is installed (did you mean {close[0]}?)"
    return f"no {kind} named '{name}' is installed; there are: {', '.join(names) or 'none'}"


@cache
def _scan() -> tuple[Installed, ...]:
    first: dict[str, metadata.Metadata] = {}
    for found in metadata.installed():
        first.setdefault(found.key, found)  # Python imports the first one on the path
    return tuple(plugin for found in first.values() for plugin in _entry_points(found))


def _entry_points(found: metadata.Metadata) -> Iterator[Installed]:
    text = found.read("entry_points.txt") or ""
    if "[lading." not in text:
        return
    folder_name, _, folder_version = found.stem.partition("-")  # a half-removed distribution has no metadata
    distribution = found.header("Name") or folder_name.replace("_", "-")
    version = found.header("Version") or folder_version
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]")
        elif group in GROUPS and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield Installed(group, name.strip(), value.strip(), distribution, version)
