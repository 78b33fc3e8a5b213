"""What tells pluggy that a function is of the contract, or implements it, and what the contract warns with."""

from __future__ import annotations

import pluggy

PROJECT = "lading"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Retiring(DeprecationWarning):
    """What of the contract will go. The user reads it with the name of the plugin that still asks for it."""
