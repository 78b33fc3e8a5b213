"""The markers of the contract for pluggy, and the category of its warnings."""

from __future__ import annotations

import pluggy

PROJECT = "lading"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Retiring(DeprecationWarning):
    """What of the contract will go. The user reads it with the name of the plugin that still asks for it."""
