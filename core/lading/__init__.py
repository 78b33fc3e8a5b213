"""Lading takes a model from a manifest to a scoring URI, on any target.

Names are loaded when they are first used, so that a command imports only what it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .errors import (
        BadInput,
        Interrupted,
        LadingError,
        Locked,
        ManifestError,
        NotUp,
        OutcomeUnknown,
        PluginError,
        Problem,
        Refused,
        StageFailed,
        Transient,
    )
    from .hookspecs import hookimpl
    from .layout import lay_out
    from .model import *  # noqa: F403
    from .process import Command, Finished, child_environment, run_command

_MODULES = {
    "errors": (
        "BadInput",
        "Interrupted",
        "LadingError",
        "Locked",
        "ManifestError",
        "NotUp",
        "OutcomeUnknown",
        "PluginError",
        "Problem",
        "Refused",
        "StageFailed",
        "Transient",
    ),
    "hookspecs": ("hookimpl",),
    "layout": ("lay_out",),
    "process": ("Command", "Finished", "child_environment", "run_command"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = importlib.import_module(f".{_HOME.get(name, 'model')}", __name__)
    try:
        value = getattr(module, name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    globals()[name] = value
    return value
