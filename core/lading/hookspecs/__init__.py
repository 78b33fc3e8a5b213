"""The contract between Lading and its plugins, one hook after another.

A plugin is a module (or any object) named by an entry point in the group `lading.targets` or `lading.plugins`. It
implements `lading_describe` and the hooks of its role, marked with `@lading.hookimpl`. Arguments are passed by name:
an implementation may leave out those it does not need. Every hook but `lading_observe` and `lading_gate` answers with
exactly one value; `None` is an error that names the hook and the plugin. Raise a `lading.LadingError` for an expected
failure.

An argument is added here without a default, for pluggy offers to implementations only those that have none. One that
is to go is given to `warn_on_impl_args` first, with a `Retiring` that says what to do instead and names its last
version.
"""

from __future__ import annotations

from . import serving, stages, watching
from .marks import PROJECT as PROJECT
from .marks import Retiring as Retiring
from .marks import hookimpl as hookimpl

PARTS = (stages, serving, watching)
HOOKS = {name: hook for part in PARTS for name, hook in vars(part).items() if name.startswith("lading_")}
"""Every hook by its name, in the order of the page that is written from them."""
