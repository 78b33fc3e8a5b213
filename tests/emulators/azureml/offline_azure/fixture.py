"""The fixture `azure`: one emulator per test process, and one empty workspace per test."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.missing import skip_without

from .azurite import Missing, azurite
from .client import Azure, Emulator
from .environments import NoIndex, resolve


def require_sdk() -> None:
    """Skip the test without azureml-core. It may have no release for this Python, so this is never a failure."""
    if sys.version_info >= (3, 13):
        pytest.skip("azureml-core has no release for this python")
    require("azureml-core")


def require(distribution: str) -> None:
    """Skip the test without a distribution."""
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        skip_without(f"{distribution} is missing")


@pytest.fixture(scope="session")
def azure_emulator() -> Iterator[Emulator]:
    """The process. Use the fixture `azure` to get a workspace."""
    try:
        script = azurite()
        resolve("3.11", ("pip",))
    except Missing as missing:
        skip_without(str(missing))
    except NoIndex as missing:
        skip_without(f"no package index answers, and the offline azure resolves what it builds: {missing}")
    emulator = Emulator(script)
    yield emulator
    emulator.close()


@pytest.fixture
def azure(azure_emulator: Emulator, tmp_path: Path) -> Iterator[Azure]:
    """An empty workspace. The test fails if any request had an unknown route or a wrong form."""
    home = tmp_path / "home"
    home.mkdir()
    azure = Azure(azure_emulator, home)
    yield azure
    failures = azure.calls.failures
    assert not failures, "\n".join(failures)
