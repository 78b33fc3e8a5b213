"""The target `local` does what every target must."""

from __future__ import annotations

import pytest

from lading.testing import TargetConformance


@pytest.mark.slow  # test_local_deploying.py asks the same of the target, without a command for each step
class TestLocal(TargetConformance):
    target = "local"
