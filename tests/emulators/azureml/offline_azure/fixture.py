"""The fixture `azure`: one emulator per test process, one empty workspace per test."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from .azurite import Missing, azurite
from .client import Azure, Emulator
from .environments import NoIndex, resolve


def go_without(reason: str) -> NoReturn:
    """Skip, or fail where every part of the machine is required."""
    if os.environ.get("LADING_TEST_REQUIRE") == "all":
        pytest.fail(reason)
    pytest.skip(reason)


def require_sdk() -> None:
    """Go without azureml-core; a python that it has no release for is no fault of the machine's."""
    if sys.version_info >= (3, 13):
        pytest.skip("azureml-core has no release for this python")
    try:
        importlib.metadata.version("azureml-core")
    except importlib.metadata.PackageNotFoundError:
        go_without("azureml-core is missing")


@pytest.fixture(scope="session")
def azure_emulator() -> Iterator[Emulator]:
    """The process; use `azure`, which asks it for a workspace."""
    try:
        script = azurite()
        resolve("3.11", ("pip",))
    except Missing as missing:
        go_without(str(missing))
    except NoIndex as missing:
        go_without(f"no package index answers, and the offline azure resolves what it builds: {missing}")
    emulator = Emulator(script)
    yield emulator
    emulator.close()


@pytest.fixture
def azure(azure_emulator: Emulator, tmp_path: Path) -> Iterator[Azure]:
    """An empty workspace; the test fails where anything asked for an unknown route, or in a wrong shape."""
    home = tmp_path / "home"
    home.mkdir()
    azure = Azure(azure_emulator, home)
    yield azure
    failures = azure.calls.failures
    assert not failures, "\n".join(failures)
