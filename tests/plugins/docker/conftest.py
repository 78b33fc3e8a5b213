"""The connection to an engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hook_kit import MemoryContext, context_in
from tests.plugins.wire import Wire, wire_of


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A fake engine whose responses the test defines, at an address that does not exist."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.example:2375")
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", "/nonexistent")
    wire = wire_of(monkeypatch)
    wire.answer("GET", "/version", {"ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"})
    return wire


@pytest.fixture
def context(tmp_path: Path) -> MemoryContext:
    return context_in(tmp_path)
