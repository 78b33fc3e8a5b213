"""Lading takes a model from a manifest to a scoring URI, on any target.

Names are loaded when they are first used, so that a command imports only what it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .api import Outcome as Outcome
    from .api import Standing as Standing
    from .api import check as check
    from .api import deploy as deploy
    from .api import deploy_each as deploy_each
    from .api import deployment as deployment
    from .api import get_model as get_model
    from .api import get_run as get_run
    from .api import list_models as list_models
    from .api import list_runs as list_runs
    from .api import package as package
    from .api import register as register
    from .api import statuses as statuses
    from .api import train as train
    from .catalogue import describe_model as describe_model
    from .catalogue import describe_target as describe_target
    from .catalogue import manifest_schema as manifest_schema
    from .errors import BadInput as BadInput
    from .errors import Interrupted as Interrupted
    from .errors import LadingError as LadingError
    from .errors import Locked as Locked
    from .errors import ManifestError as ManifestError
    from .errors import NotUp as NotUp
    from .errors import OutcomeUnknown as OutcomeUnknown
    from .errors import PluginError as PluginError
    from .errors import Problem as Problem
    from .errors import Refused as Refused
    from .errors import StageFailed as StageFailed
    from .errors import Transient as Transient
    from .hookspecs import hookimpl as hookimpl
    from .layout import lay_out as lay_out
    from .live import LiveDeployment as LiveDeployment
    from .model import *  # noqa: F403
    from .process import Command as Command
    from .process import Finished as Finished
    from .process import child_environment as child_environment
    from .process import run_command as run_command

_MODULES = {
    "api": "Outcome Standing check deploy deploy_each deployment get_model get_run list_models list_runs package"
    " register statuses train",
    "catalogue": "describe_model describe_target manifest_schema",
    "errors": "BadInput Interrupted LadingError Locked ManifestError NotUp OutcomeUnknown PluginError Problem Refused"
    " StageFailed Transient",
    "hookspecs": "hookimpl",
    "layout": "lay_out",
    "live": "LiveDeployment",
    "process": "Command Finished child_environment run_command",
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    module = importlib.import_module(f".{_HOME.get(name, 'model')}", __name__)
    try:
        value = getattr(module, name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    from .model import __all__ as model_names

    return sorted([*_HOME, *model_names, "__version__"])
