"""Workers that are stuck in `run`: their time limit holds from inside or from outside."""

from __future__ import annotations

import http.client
import os
import signal

import pytest
from tests.plugins.serving.serving_kit import ECHO, Service, ask, processes
from tests.waiting import eventually

from lading_serving.pulse import BEAT, LONGEST_ID, Pulse, Watch

LIMITED = {"SCORING_TIMEOUT_MS": "300"}
RETRYING = """
    import time

    def init():
        pass

    def run(raw_data):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                pass
"""
SWALLOWING = RETRYING.replace("except Exception", "except BaseException")
HOLDING_THE_GIL = """
    import itertools

    def init():
        pass

    def run(raw_data):
        return sum(itertools.repeat(1, 10**12))
"""
FORKING = """
    import os

    def init():
        pass

    def run(raw_data):
        os.fork()
        return os.getpid()
"""


def test_a_script_that_catches_every_exception_is_interrupted_at_the_limit(service: Service) -> None:
    uri = service.serve(script=RETRYING, env=LIMITED)
    answer = ask(uri)
    assert (answer.status, answer.json) == (500, {"message": "Scoring timeout after 300 ms"})
    assert service.until(1, "serving")["restarts"] == 0


@pytest.mark.parametrize("script", [SWALLOWING, HOLDING_THE_GIL], ids=["swallows the time-out", "holds the GIL"])
def test_a_worker_that_cannot_be_interrupted_is_replaced(service: Service, script: str) -> None:
    uri = service.serve(script=script, env=LIMITED)
    (stuck,) = service.workers()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(uri, headers={"content-type": "application/json", "x-request-id": "an-id"})
    service.until_restarted(1, 1)
    assert service.workers() != [stuck]
    assert "the request an-id did not end within 0.3 s" in service.until(1, "serving")["reason"]
    assert "the request an-id" in service.log(1)
    assert ask(uri, None, "GET", path="/").status == 200


@pytest.mark.slow
def test_a_stopped_worker_without_a_request_is_replaced(service: Service) -> None:
    uri = service.serve(script=ECHO)
    (stopped,) = service.workers()
    os.kill(stopped, signal.SIGSTOP)
    service.until_restarted(1, 1)
    assert service.workers() != [stopped]
    assert "did not respond for 10 s" in service.until(1, "serving")["reason"]
    assert ask(uri, b"5").json == 5


def test_a_forked_copy_of_a_worker_does_not_answer_too(service: Service) -> None:
    uri = service.serve(script=FORKING)
    (worker,) = service.workers()
    assert ask(uri).json == worker
    eventually(lambda: service.workers() == [worker], "the copy has ended")


def test_a_child_in_the_group_of_a_worker_ends_with_it(service: Service) -> None:
    script = """
        import os, subprocess

        def init():
            pass

        def run(raw_data):
            return subprocess.Popen(["sleep", "600"]).pid
    """
    uri = service.serve(script=script)
    (worker,) = service.workers()
    child = ask(uri).json
    assert child in processes()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: child not in processes(), "the child has ended")


@pytest.mark.parametrize(
    ("crash", "name"),
    [
        ("os.abort()", "SIGABRT"),
        ("ctypes.string_at(0)", "SIGSEGV"),
        ("overflow()", "SIGSEGV"),
    ],
)
def test_a_crash_in_a_library_costs_one_worker(service: Service, crash: str, name: str) -> None:
    script = f"""
        import ctypes, os, sys

        def init():
            pass

        def overflow():
            sys.setrecursionlimit(10**9)
            nested = None
            for _ in range(10**6):
                nested = [nested]
            repr(nested)

        def run(raw_data):
            return {crash} if raw_data == '"crash"' else os.getpid()
    """
    uri = service.serve(script=script, workers=2)
    before = service.workers()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(uri, b'"crash"')
    service.until_restarted(1, 1)
    assert name in service.until(1, "serving")["reason"]
    assert len({*before} & {*service.workers()}) == 1
    assert ask(uri).json in service.workers()


@pytest.fixture
def memory() -> bytearray:
    return bytearray(4096)


@pytest.fixture
def pulse(memory: bytearray) -> Pulse:
    return Pulse(memory)


@pytest.fixture
def watch(memory: bytearray) -> Watch:
    return Watch(memory, 0.0)


def test_the_time_of_one_step_adds_up(pulse: Pulse, watch: Watch) -> None:
    pulse.step()
    watch.look(0.5)
    assert (watch.stuck, watch.is_busy) == (0.0, True)
    for now in (1.0, 1.5, 2.25):
        watch.look(now)
    assert watch.stuck == 1.75


@pytest.mark.parametrize("change", ["step", "rest", "renew"])
def test_each_change_of_a_worker_is_seen(pulse: Pulse, watch: Watch, change: str) -> None:
    for _ in range(3):
        getattr(pulse, change)()
        watch.look(watch.stuck + 1)
        assert (watch.stuck, watch.is_busy) == (0.0, change != "rest")
    watch.look(100.0)
    assert watch.stuck > 0


def test_a_pause_of_the_whole_machine_counts_as_one_look(pulse: Pulse, watch: Watch) -> None:
    pulse.step()
    watch.look(1.0)
    watch.look(10_000.0)
    assert watch.stuck <= BEAT


def test_an_id_is_known_only_in_the_steps_of_its_request(pulse: Pulse, watch: Watch) -> None:
    pulse.step()
    watch.look(1.0)
    assert watch.request_id == ""
    pulse.identify("x" * LONGEST_ID)
    assert watch.request_id == "x" * LONGEST_ID
    pulse.renew()
    watch.look(2.0)
    assert watch.request_id == "x" * LONGEST_ID
    pulse.step()
    watch.look(3.0)
    assert watch.request_id == ""


def test_an_id_has_no_control_characters_in_the_log(pulse: Pulse, watch: Watch) -> None:
    pulse.step()
    pulse.identify("a\x1b[31m\n\u2028")
    watch.look(1.0)
    assert watch.request_id == "a?[31m??"
