"""The conformance kit over a stranger's targets: those that keep every rule, and those that break one each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lading.testing import TargetConformance


class Harbour(TargetConformance):
    """What the targets of the harbour share: an account whose password must not be seen again."""

    connections = {"harbour": {"berth": "north"}}

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, install: Callable[[str], Path]) -> Mapping[str, str]:
        return {"PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry"}


class TestQuay(Harbour):
    target = "quay"
    options = {"depth": 9}


@pytest.mark.slow
class TestRaft(Harbour):
    target = "raft"


@pytest.mark.slow
class TestFog(Harbour):
    target = "fog"
