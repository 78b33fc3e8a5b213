"""One device: what is put there, what is left alone, and what becomes of it when things go wrong."""

from __future__ import annotations

import pytest
from iotedge_kit import Yard

pytestmark = pytest.mark.slow


def test_a_module_comes_up_beside_its_neighbours(yard: Yard) -> None:
    yard.hub.add_device("pi")
    yard.neighbours("pi", camera="camera:1")
    before = yard.started("pi", "camera")
    yard.write(device="pi")
    done = yard.deploy()
    print(done.out, done.err)
    assert set(yard.modules()) == {"camera", "salary"}
    assert yard.started("pi", "camera") == before
    assert yard.status()["state"] == "running"
    assert yard.deploy().code == 0
