"""The contract between Lading and its plugins, one hook after another.

A plugin is a module (or any object) named by an entry point in the group `lading.targets` or `lading.plugins`. It
implements `lading_describe` and the hooks of its role, marked with `@lading.hookimpl`. Arguments are passed by name:
an implementation may leave out those it does not need. Hooks are plain functions, neither `async` nor generators.
A plugin implements all hooks of a role or none. Every hook but `lading_observe` and `lading_gate` answers with
exactly one value; `None` is an error that names the hook and the plugin. Raise a `lading.LadingError` for an expected
failure.

An argument is added here without a default, because pluggy offers only such arguments to implementations. Before an
argument is removed, `warn_on_impl_args` gets it with a `Retiring` that names the replacement and its last version.
"""

from __future__ import annotations

from types import ModuleType

from . import asking, serving, stages, watching
from .marks import PROJECT as PROJECT
from .marks import Retiring as Retiring
from .marks import hookimpl as hookimpl

PARTS = (stages, serving, asking, watching)
HOOKS = {name: hook for part in PARTS for name, hook in vars(part).items() if name.startswith("lading_")}
"""Every hook by its name, in the order of the page that is written from them."""


def specifications(plugin: object) -> ModuleType:
    """The specifications of the hooks that a plugin has. pluggy takes long for each one, and a plugin has few."""
    found, names = ModuleType(__name__), {"lading_describe", *dir(plugin)}
    vars(found).update((name, hook) for name, hook in HOOKS.items() if name in names)
    return found
