"""The markers of the contract for pluggy, and the category of its warnings."""

from __future__ import annotations

import pluggy

PROJECT = "lading"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Retiring(DeprecationWarning):
    """A part of the contract that will be removed. The warning names the plugin that still uses it."""
