from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from offline_iothub.client import IotHub
from tests.conftest import Shell
from tests.targets.iotedge.iotedge_kit import VARIABLE, Project


@pytest.fixture
def project(iothub: IotHub, install: Callable[[str], Path], tmp_path: Path) -> Iterator[Project]:
    """The project, with an empty hub. After the test, no credential of the hub may be in the project's output."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    env = {**iothub.network, "PATH": os.environ["PATH"], "PYTHONPATH": str(install("stamp"))}
    project = Project(Shell(folder, {**env, VARIABLE: iothub.connection_string}), iothub)
    yield project
    kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert [secret for secret in iothub.secrets if secret.encode() in kept] == []
