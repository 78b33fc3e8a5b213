"""The target `local` does what every target must."""

from __future__ import annotations

from lading.testing import TargetConformance


class TestLocal(TargetConformance):
    target = "local"
