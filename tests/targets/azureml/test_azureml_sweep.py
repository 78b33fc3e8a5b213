"""Azure on a bad day: the first and the last request of each route of a deploy, each with one fault, in turn.

`python -m tests.torture --only azure-sweep` strikes every request with every fault.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from offline_azure.client import Emulator
from offline_azure.fixture import require_sdk
from tests.conftest import LADING
from tests.torture.azure_sweep import FAULTS, Lane, Strike, pack, sample

pytestmark = pytest.mark.slow

SHARES = 12  # tests, which workers take from one another


@pytest.fixture(scope="module")
def lane(azure_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """A project that is packed already, and what it takes to deploy it again and again."""
    require_sdk()
    folder = tmp_path_factory.mktemp("sweep")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    packed = pack(LADING, folder / "packed", env)
    with closing(Lane.open(azure_emulator, LADING.with_name("python"), folder / "lane", packed)) as lane:
        yield lane


@pytest.fixture(scope="module")
def strikes(lane: Lane, tmp_path_factory: pytest.TempPathFactory) -> list[Strike]:
    return sample(lane.record(tmp_path_factory.mktemp("record") / "project"))


@pytest.mark.parametrize("share", range(SHARES))
def test_a_fault_at_each_route_of_a_deploy_leaves_one_of_everything(
    lane: Lane, strikes: list[Strike], tmp_path: Path, share: int
) -> None:
    assert {strike.fault for strike in strikes} == {*FAULTS}
    found = [lane.strike(strike, tmp_path / f"{strike.number}") for strike in strikes[share::SHARES]]
    assert found == [[]] * len(found)
