"""The supervisor: crashes, kills, hangs and switches of releases."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
from tests.plugins.serving.serving_kit import FATAL, NAMED, Service, ask, cpu_ticks, processes
from tests.waiting import LIMIT, eventually

WAITING = """
    import os, time

    def init():
        pass

    def run(raw_data):
        open("asked", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        return "done"
"""
WITHOUT_FLASK = """
    import sys
    sys.modules["flask"] = None
    from azureml.contrib.services.aml_request import rawhttp

    def init():
        pass

    @rawhttp
    def run(request):
        pass
"""


def test_a_release_serves_and_outlives_the_process_that_started_it(service: Service) -> None:
    uri = service.serve()
    assert ask(uri, b'{"a": 1}').json == {"a": 1}
    assert os.getsid(service.pid()) != os.getsid(0)
    assert service.folder.is_supervised()


def test_a_second_supervisor_does_not_affect_the_first(service: Service) -> None:
    service.serve()
    first = service.pid()
    service.start()
    assert service.pid() == first
    assert len(service.workers()) == 1


def test_a_candidate_has_its_own_address_until_it_is_promoted(service: Service) -> None:
    uri = service.serve(1, NAMED, {"SERVICE_VERSION": "1"})
    service.add(2, NAMED, {"SERVICE_VERSION": "2"})
    service.desire(serving=1, candidate=2)
    candidate = service.until(2, "ready")["uri"]
    assert (ask(uri).json, ask(candidate).json) == ("1", "2")
    service.desire(serving=2)
    service.until(2, "serving")
    service.until_gone(1)
    assert ask(uri).json == "2"
    promoted = service.release(2)
    assert promoted is not None
    assert promoted["public_uri"] == uri


def test_a_discarded_candidate_leaves_no_process(service: Service) -> None:
    uri = service.serve(1)
    service.add(2)
    service.desire(serving=1, candidate=2)
    service.until(2, "ready")
    service.desire(serving=1)
    service.until_gone(2)
    assert len(service.workers()) == 1
    assert ask(uri).status == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_a_switch_under_load_loses_no_request(service: Service, workers: int) -> None:
    uri = service.serve(1, NAMED, {"SERVICE_VERSION": "1"}, workers=workers)
    seen: Counter[str] = Counter()
    stop = threading.Event()

    def load() -> None:
        parts = urlsplit(uri)
        with closing(http.client.HTTPConnection(parts.netloc, timeout=LIMIT)) as connection:
            while not stop.is_set():
                try:
                    connection.request("POST", parts.path, b"{}", {"content-type": "application/json"})
                    response = connection.getresponse()
                    seen[f"{response.status} {response.read().decode()}"] += 1
                except (OSError, http.client.HTTPException) as error:
                    seen[repr(error)] += 1

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    for number in (2, 3):
        service.add(number, NAMED, {"SERVICE_VERSION": str(number)}, workers=workers)
        service.desire(serving=number - 1, candidate=number)
        service.until(number, "ready")
        service.desire(serving=number)
        service.until(number, "serving")
        service.until_gone(number - 1)
    stop.set()
    for client in clients:
        client.join()
    assert set(seen) == {'200 "1"', '200 "2"', '200 "3"'}, seen
    assert seen['200 "3"'] > 0


def test_an_idle_client_is_disconnected_only_after_a_delay(service: Service) -> None:
    uri = service.serve(1, NAMED, {"SERVICE_VERSION": "1"}, limits={"linger": LIMIT})
    parts = urlsplit(uri)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=LIMIT)) as connection:
        connection.request("POST", parts.path, b"{}", {"content-type": "application/json"})
        assert connection.getresponse().read() == b'"1"'
        service.add(2, NAMED, {"SERVICE_VERSION": "2"})
        service.desire(serving=2)
        service.until(2, "serving")
        connection.request("POST", parts.path, b"{}", {"content-type": "application/json"})
        response = connection.getresponse()
        assert (response.read(), response.getheader("connection")) == (b'"1"', "close")


def test_a_crashed_worker_is_restarted_with_a_growing_delay(service: Service) -> None:
    uri = service.serve(1, FATAL)
    for crashes in (1, 2, 3):
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            ask(uri)
        service.until_restarted(1, crashes)
    release = service.until(1, "serving")
    assert release["restarts"] == 3
    assert "SIGKILL" in release["reason"]
    assert "SIGKILL" in service.log(1)


def test_the_workers_of_a_killed_supervisor_end_and_a_new_one_takes_the_same_port(service: Service) -> None:
    uri = service.serve(1, workers=2)
    assert len(service.workers()) == 2
    os.kill(service.pid(), signal.SIGKILL)
    eventually(lambda: not service.folder.is_supervised(), "nothing is left")
    assert service.workers() == []
    service.start()
    assert service.until(1, "serving")["public_uri"] == uri
    assert ask(uri).status == 200


def test_a_busy_worker_ends_with_its_supervisor(service: Service) -> None:
    uri = service.serve(
        1, "def init(): pass\ndef run(raw_data):\n    open('asked', 'w').close()\n    while True: pass\n"
    )
    client = threading.Thread(target=ask_in_vain, args=(uri,))
    client.start()
    eventually((service.script_folder(1) / "asked").exists, "run is called")
    os.kill(service.pid(), signal.SIGKILL)
    eventually(lambda: not service.workers(), "no worker is left")
    client.join()


def test_sigterm_lets_a_request_in_flight_finish(service: Service) -> None:
    uri = service.serve(1, WAITING)
    home = service.script_folder(1)
    answers: list[object] = []
    client = threading.Thread(target=lambda: answers.append(ask(uri).json))
    client.start()
    eventually((home / "asked").exists, "run is called")
    os.kill(service.pid(), signal.SIGTERM)
    service.until(1, "draining")
    (home / "go").touch()
    client.join()
    assert answers == ["done"]
    eventually(lambda: not service.folder.is_supervised(), "the supervisor leaves")
    assert service.workers() == []


def test_a_release_that_does_not_drain_in_time_is_killed(service: Service) -> None:
    uri = service.serve(1, WAITING, limits={"linger": 0.1, "drain_timeout": 0.3})
    client = threading.Thread(target=ask_in_vain, args=(uri,))
    client.start()
    eventually((service.script_folder(1) / "asked").exists, "run is called")
    service.desire()
    eventually(lambda: not service.folder.is_supervised(), "the supervisor leaves")
    client.join()


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("raise ImportError('no such thing')", "ImportError: no such thing"),
        ("def init():\n    raise ValueError('two\\nlines')\ndef run(raw_data): pass", "ValueError: two lines"),
        ("def init():\n    import sys; sys.exit('enough')\ndef run(raw_data): pass", "SystemExit: enough"),
        ("def init():\n    import os; os._exit(7)\ndef run(raw_data): pass", "exit code 7"),
        ("def init(): pass", "has no run()"),
        ("def init(): pass\ndef run(*data): pass", "cannot accept positional-only"),
        ("def init(", "SyntaxError"),
        (WITHOUT_FLASK, "add flask to the package's environment"),
    ],
)
def test_a_script_that_cannot_start_fails_only_its_release(service: Service, script: str, cause: str) -> None:
    uri = service.serve(1)
    service.add(2, script)
    service.desire(serving=1, candidate=2)
    assert cause in service.until(2, "failed")["reason"]
    assert len(service.workers()) == 1
    assert ask(uri).status == 200


def test_a_failed_import_ends_the_worker_with_exit_code_3_and_its_traceback(service: Service) -> None:
    service.add(1, "import no_such_module")
    service.desire(candidate=1)
    service.until(1, "failed")
    assert "Traceback" in service.log(1)
    assert "No module named 'no_such_module'" in service.log(1)


def test_an_init_that_hangs_is_stopped(service: Service) -> None:
    service.add(1, "import time\ndef init():\n    time.sleep(600)\ndef run(raw_data): pass", start_timeout=0.5)
    service.desire(candidate=1)
    assert service.until(1, "failed")["reason"] == "init() did not end within 0.5 s"
    eventually(lambda: not service.workers(), "no worker is left")


def test_a_model_that_was_altered_is_never_loaded(service: Service) -> None:
    service.add(1, "open('loaded', 'w').close()\ndef init(): pass\ndef run(raw_data): pass", model_sha256="0" * 64)
    service.desire(candidate=1)
    reason = service.until(1, "failed")["reason"]
    assert "sha256" in reason
    assert "0" * 64 in reason
    assert not (service.script_folder(1) / "loaded").exists()


def test_a_port_in_use_is_named_with_its_owner(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service.add(1, port=port)
        service.desire(candidate=1)
        reason = service.until(1, "failed")["reason"]
    assert f"port {port} of 127.0.0.1 is in use" in reason
    if sys.platform == "linux":
        assert f"(pid {os.getpid()})" in reason


def test_a_host_of_another_machine_is_an_error(service: Service) -> None:
    service.add(1, host="192.0.2.1")
    service.desire(candidate=1)
    assert "assign" in service.until(1, "failed")["reason"]


def test_a_release_may_move_to_another_port(service: Service) -> None:
    old = service.serve(1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    new = service.serve(2, port=port)
    assert urlsplit(new).port == port
    assert ask(new).status == 200
    service.until_gone(1)
    with pytest.raises(ConnectionRefusedError):
        ask(old)


def test_a_release_may_pin_the_chosen_port(service: Service) -> None:
    uri = service.serve(1)
    assert service.serve(2, port=urlsplit(uri).port) == uri


def test_a_chosen_port_that_another_program_takes_is_replaced(service: Service) -> None:
    uri = service.serve(1)
    service.desire()
    eventually(lambda: not service.folder.is_supervised(), "the supervisor leaves")
    port = urlsplit(uri).port
    with socket.create_server(("127.0.0.1", port)):
        service.desire(serving=1)
        moved = service.until(1, "serving")["public_uri"]
    assert urlsplit(moved).port != port
    assert ask(moved).status == 200


def test_ipv6_is_supported(service: Service) -> None:
    uri = service.serve(1, host="::1")
    assert uri.startswith("http://[::1]:")
    assert ask(uri, b"5").json == 5


def test_a_supervisor_without_a_desired_release_ends(service: Service) -> None:
    service.serve(1)
    service.desire()
    eventually(lambda: not service.folder.is_supervised(), "the supervisor leaves")
    assert service.workers() == []


def test_a_log_has_a_size_limit(service: Service) -> None:
    uri = service.serve(1, "def init(): pass\ndef run(raw_data):\n    print('x' * 3_000_000)\n    return 1\n")
    for _ in range(5):
        assert ask(uri).status == 200
    older = service.folder.log(1).with_name("1.log.1")
    eventually(older.exists, "the log has been rotated")
    assert older.stat().st_size <= 4 * 1024 * 1024
    assert service.folder.log(1).stat().st_size <= 4 * 1024 * 1024


@pytest.mark.slow
def test_a_supervisor_ends_when_its_folder_is_removed(service: Service) -> None:
    uri = service.serve(1)
    pid = service.pid()
    shutil.rmtree(service.folder.path)
    assert ask(uri).status == 200
    eventually(lambda: pid not in processes(), "the supervisor leaves")
    assert service.workers() == []


def test_a_release_of_another_version_does_not_stop_the_next(service: Service) -> None:
    service.serve(1)
    service.desire()
    eventually(lambda: not service.folder.is_supervised(), "the supervisor leaves")
    service.folder.spec(1).write_text('{"number": 1, "limits": {}, "of another version": true}')
    service.add(2)
    service.desire(serving=1, candidate=2)
    service.until(2, "ready")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the CPU time of a process from /proc")
def test_a_script_that_closes_its_output_does_not_keep_the_supervisor_busy(service: Service) -> None:
    service.serve(1, "import os\ndef init():\n    os.close(1); os.close(2)\ndef run(raw_data): pass\n")
    ask(service.until(1, "serving")["public_uri"])
    theirs, ours = cpu_ticks(service.pid()), time.process_time()
    while time.process_time() - ours < 1:
        pass  # if the supervisor also loops, it gets as much of a processor as this loop
    assert cpu_ticks(service.pid()) - theirs < 20  # hundredths of a second


def test_the_lock_and_not_a_pid_shows_that_a_supervisor_runs(service: Service) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        service.folder.write_state({"pid": stranger.pid, "port": 0, "releases": {}})
        assert not service.folder.is_supervised()
        service.serve(1)
        assert service.pid() != stranger.pid
        assert stranger.poll() is None
        stranger.kill()


def ask_in_vain(uri: str) -> None:
    with suppress(http.client.HTTPException, OSError):
        ask(uri)
