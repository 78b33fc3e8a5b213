"""The conformance kit: what a plugin author's tests subclass. It needs pytest, the extra `testing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    from .target import TargetConformance as TargetConformance

__getattr__, __dir__ = lazily(__name__, {"target": "TargetConformance"})
