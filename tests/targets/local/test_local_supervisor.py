"""A supervisor that cannot run, or must not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from tests.targets.local.local_kit import LocalService, kill_supervisor
from tests.waiting import LIMIT, eventually

from lading import Ready, StageFailed
from lading_local import lading_deploy


def test_after_a_few_failed_starts_of_a_supervisor_its_reason_is_reported(service: LocalService) -> None:
    log = service.context.work / "supervisor.log"
    for _ in range(5):
        lading_deploy(service.request(), service.context)
        kill_supervisor(service)
    with pytest.raises(
        StageFailed, match="ended 5 times right after its start: the supervisor was killed by signal 9"
    ) as failed:
        lading_deploy(service.request(), service.context)
    assert failed.value.hint == f"see its log: {log}"
    assert isinstance(service.deploy(2), Ready)


def test_no_supervisor_starts_while_its_service_is_removed(service: LocalService) -> None:
    service.deploy(1)
    os.kill(service.folder.state()["pid"], signal.SIGKILL)
    eventually(lambda: not service.folder.is_supervised(), "it is dead")
    late = [sys.executable, "-P", "-m", "lading_serving.supervisor", str(service.context.work)]
    with service.folder.unsupervised() as unsupervised:
        assert unsupervised
        subprocess.run(late, check=True, timeout=LIMIT)
    assert not service.folder.is_supervised()
    subprocess.run(late, check=True, timeout=LIMIT)
    with service.folder.unsupervised() as unsupervised:
        assert not unsupervised
