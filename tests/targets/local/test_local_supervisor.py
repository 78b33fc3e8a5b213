"""A supervisor that cannot live, or may not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from local_kit import Harbour, kill_supervisor
from tests.waiting import LIMIT, eventually

from lading import Ready, StageFailed
from lading_local import lading_deploy


def test_a_supervisor_that_dies_at_each_start_is_given_up_with_its_reason(harbour: Harbour) -> None:
    log = harbour.context.work / "supervisor.log"
    log.write_text("MemoryError: no room\n")
    for _ in range(5):
        lading_deploy(harbour.request(), harbour.context)
        kill_supervisor(harbour)
    with pytest.raises(StageFailed, match="ended 5 times as soon as it had started: MemoryError: no room") as failed:
        lading_deploy(harbour.request(), harbour.context)
    assert failed.value.hint == f"its own words are in {log}"
    assert isinstance(harbour.deploy(2), Ready)


def test_no_supervisor_begins_while_its_service_is_removed(harbour: Harbour) -> None:
    harbour.deploy(1)
    os.kill(harbour.folder.state()["pid"], signal.SIGKILL)
    eventually(lambda: not harbour.folder.is_supervised(), "it is dead")
    late = [sys.executable, "-P", "-m", "lading_serving.supervisor", str(harbour.context.work)]
    with harbour.folder.unsupervised() as unsupervised:
        assert unsupervised
        subprocess.run(late, check=True, timeout=LIMIT)
    assert not harbour.folder.is_supervised()
    subprocess.run(late, check=True, timeout=LIMIT)
    with harbour.folder.unsupervised() as unsupervised:
        assert not unsupervised
