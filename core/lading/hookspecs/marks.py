"""What tells pluggy that a function is of the contract, or implements it."""

from __future__ import annotations

import pluggy

PROJECT = "lading"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
