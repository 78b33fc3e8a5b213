"""The fixture `iothub`: one emulator per test process, and one empty hub per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from offline_azure.client import Emulator

from .client import IotHub


@pytest.fixture(scope="session")
def iothub_emulator() -> Iterator[Emulator]:
    """The process. Use the fixture `iothub` to get a hub."""
    emulator = Emulator(program="offline_iothub")
    yield emulator
    emulator.close()


@pytest.fixture
def iothub(iothub_emulator: Emulator, tmp_path: Path) -> Iterator[IotHub]:
    """A hub without devices. The test fails if any request had an unknown route or a wrong form."""
    home = tmp_path / "iothub-home"
    home.mkdir()
    iothub = IotHub(iothub_emulator, home)
    yield iothub
    failures = iothub.calls.failures
    assert not failures, "\n".join(failures)
