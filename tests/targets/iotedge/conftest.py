from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from offline_iothub.client import IotHub
from tests.conftest import ROOT, Shell

sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests" / "emulators" / "iothub")]  # for iotedge_kit, hub_client

from iotedge_kit import VARIABLE, Yard  # noqa: E402


@pytest.fixture
def yard(iothub: IotHub, install: Callable[[str], Path], tmp_path: Path) -> Iterator[Yard]:
    """The project, with an empty hub; at the end no credential of the hub may have been seen in the project."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    env = {**iothub.network, "PATH": os.environ["PATH"], "PYTHONPATH": str(install("stamp"))}
    yard = Yard(Shell(folder, {**env, VARIABLE: iothub.connection_string}), iothub)
    yield yard
    kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert [secret for secret in iothub.secrets if secret.encode() in kept] == []
