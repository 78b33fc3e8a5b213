"""The conformance kit: base classes for the tests of a plugin. It needs pytest (the extra `testing`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily

if TYPE_CHECKING:
    from .gate import GateConformance as GateConformance
    from .registry import KeptVersion as KeptVersion
    from .registry import RegistryConformance as RegistryConformance
    from .target import TargetConformance as TargetConformance
    from .tracker import KeptRun as KeptRun
    from .tracker import TrackerConformance as TrackerConformance

__getattr__, __dir__ = lazily(
    __name__,
    {
        "gate": "GateConformance",
        "registry": "KeptVersion RegistryConformance",
        "target": "TargetConformance",
        "tracker": "KeptRun TrackerConformance",
    },
)
