"""An installed distribution, as a model version records it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """An installed distribution: its version and its unconditional and conditional requirements (PEP 508).

    `modules` are the names by which Python imports it, without dots. They are empty if they are not recorded.
    """

    version: str
    requires: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
