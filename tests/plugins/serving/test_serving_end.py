"""The end of a service is certain: nothing that belongs to it lives on, if its supervisor is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plugins.serving.serving_kit import ECHO, Service, ask, processes
from tests.plugins.serving.test_serving_supervisor import ask_in_vain
from tests.waiting import eventually

from lading_serving import leftovers as module
from lading_serving.leftovers import MARK, StillRunning, end_leftovers, leftovers
from lading_serving.listeners import port_owner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows and adopts all descendants")

DETACHED = """
    import os, time

    def init():
        pass

    def run(raw_data):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open("child", "w").write(str(os.getpid()))
                time.sleep(600)
            os._exit(0)
        os.wait()
        while not os.path.exists("child") or not open("child").read():
            time.sleep(0.01)
        return int(open("child").read())
"""
IN_C = """
    import itertools

    def init():
        pass

    def run(raw_data):
        open("asked", "w").close()
        return sum(itertools.repeat(1, 10**12))
"""


def relatives(service: Service) -> list[int]:
    """All processes of a service: its keeper, its supervisor, its workers, and their children."""
    return leftovers(service.folder.path) + [
        pid
        for pid, line in processes().items()
        if "lading_serving.supervisor" in line and str(service.folder.path) in line
    ]


def keeper_of(service: Service) -> int:
    return int(Path(f"/proc/{service.pid()}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("victim", [Service.pid, keeper_of], ids=["supervisor", "keeper"])
def test_a_child_that_left_the_session_ends_when_a_parent_of_the_service_is_killed(
    service: Service, victim: Callable[[Service], int]
) -> None:
    uri = service.serve(script=DETACHED)
    child = ask(uri).json
    assert child in processes()
    assert len(relatives(service)) == 4
    os.kill(victim(service), signal.SIGKILL)
    eventually(lambda: relatives(service) == [], "nothing is left")
    assert child not in processes()
    eventually(lambda: not service.folder.is_supervised(), "the lock is free")
    service.start()
    assert service.until(1, "serving")["public_uri"] == uri


def test_a_worker_that_holds_the_gil_ends_with_its_supervisor(service: Service) -> None:
    uri = service.serve(script=IN_C)
    client = threading.Thread(target=ask_in_vain, args=(uri,))
    client.start()
    eventually((service.script_folder(1) / "asked").exists, "run is called")
    os.kill(service.pid(), signal.SIGKILL)
    eventually(lambda: relatives(service) == [], "nothing is left")
    client.join()


def test_a_stopped_worker_ends_with_its_supervisor(service: Service) -> None:
    service.serve()
    (worker,) = service.workers()
    os.kill(worker, signal.SIGSTOP)
    os.kill(service.pid(), signal.SIGKILL)
    eventually(lambda: relatives(service) == [], "nothing is left")


def test_a_child_that_left_the_session_ends_with_its_worker(service: Service) -> None:
    uri = service.serve(script=DETACHED)
    (worker,) = service.workers()
    child = ask(uri).json
    os.kill(worker, signal.SIGKILL)
    service.until_restarted(1, 1)
    eventually(lambda: child not in processes(), "the child has ended")
    assert service.workers() != []


def test_a_child_ends_with_its_release(service: Service) -> None:
    uri = service.serve(script=DETACHED)
    child = ask(uri).json
    service.desire()
    eventually(lambda: not service.folder.is_supervised(), "the supervisor leaves")
    assert child not in processes()


def test_the_lock_is_held_and_the_state_has_no_serving_release_until_all_have_ended(service: Service) -> None:
    service.serve()
    keeper = keeper_of(service)
    os.kill(keeper, signal.SIGSTOP)
    os.kill(service.pid(), signal.SIGKILL)
    assert service.folder.is_supervised()
    os.kill(keeper, signal.SIGCONT)
    eventually(lambda: not service.folder.is_supervised(), "the lock is free")
    release = service.release(1)
    assert release is not None
    assert release["phase"] == "draining"
    assert "killed by signal 9" in (service.folder.path / "supervisor.log").read_text()


def test_a_signal_to_the_keeper_reaches_the_supervisor(service: Service) -> None:
    service.serve()
    os.kill(keeper_of(service), signal.SIGTERM)
    eventually(lambda: not service.folder.is_supervised(), "the supervisor leaves")
    assert relatives(service) == []


def test_a_start_ends_what_two_killed_processes_have_left_and_takes_the_same_port(service: Service) -> None:
    script = ECHO.replace(
        "def init():",
        """def init():
        import os, time
        if os.fork() == 0:
            os.setsid()
            while True:
                time.sleep(1)

    def unused():""",
    )
    uri = service.serve(script=script)
    port = int(uri.rpartition(":")[2].partition("/")[0])
    pids = keeper_of(service), service.pid()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not service.folder.is_supervised(), "the lock is free")
    eventually(lambda: len(relatives(service)) == 1, "one child is left")
    (left,) = relatives(service)
    assert str(left) in port_owner(port)
    service.start()
    assert service.until(1, "serving")["public_uri"] == uri
    assert left not in processes()


@pytest.fixture
def left(tmp_path: Path) -> subprocess.Popen[bytes]:
    """A process with the mark of a service."""
    return subprocess.Popen(["sleep", "600"], env={MARK: str(tmp_path)})


def test_only_processes_of_the_service_are_leftovers(tmp_path: Path, left: subprocess.Popen[bytes]) -> None:
    with left:
        eventually(lambda: leftovers(tmp_path) == [left.pid], "the process has started")
        assert leftovers(tmp_path.parent) == []
        assert leftovers(tmp_path / "other") == []
        left.kill()


def test_a_process_that_cannot_be_ended_is_named(
    tmp_path: Path, left: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with left:
        eventually(lambda: leftovers(tmp_path) == [left.pid], "the process has started")
        monkeypatch.setattr(module, "_LIMIT", 0.05)
        monkeypatch.setattr(os, "kill", lambda *_: None)
        with pytest.raises(StillRunning, match=rf"sleep \(pid {left.pid}\)"):
            end_leftovers(tmp_path)
        monkeypatch.undo()
        reaper = threading.Thread(target=left.wait)  # as their own parent, this process has to remove them
        reaper.start()
        end_leftovers(tmp_path)
        reaper.join()
    assert left.returncode == -signal.SIGKILL
