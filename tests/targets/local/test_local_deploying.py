"""Deploys on this machine, step by step, with real processes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import TypeAdapter
from tests.conftest import ROOT
from tests.targets.local.local_kit import NAMED, LocalService, ask, uri_of
from tests.waiting import LIMIT, eventually

from lading import Candidate, Done, Failed, LogsRequest, NoScoringUri, Ready, StageFailed, State, Verdict
from lading_local import lading_delete, lading_logs, lading_scoring_uri, lading_status
from lading_local.options import LocalOptions
from lading_serving.control import NOTHING

BROKEN = "def init():\n    raise ValueError('the model is of another make')\ndef run(raw_data): pass\n"


def test_a_first_deploy_serves(service: LocalService) -> None:
    assert lading_status(service.context).state is State.ABSENT
    assert isinstance(lading_scoring_uri(service.context), NoScoringUri)
    request = service.request()
    candidate = service.until(request, Candidate)
    assert ask(candidate.uri) == "1"
    assert lading_status(service.context).state is State.PENDING
    service.until(replace(request, verdict=Verdict(up=True)), Ready)
    status = lading_status(service.context)
    assert (status.state, status.package_digest) == (State.RUNNING, request.package.digest)
    assert status.model_sha256 == request.package.model.sha256
    assert ask(uri_of(service)) == "1"
    assert candidate.uri != uri_of(service)


def test_the_next_release_takes_over_the_address(service: LocalService) -> None:
    service.deploy(1)
    uri = uri_of(service)
    request = service.request(2)
    candidate = service.until(request, Candidate)
    assert (ask(uri), ask(candidate.uri)) == ("1", "2")
    service.until(replace(request, verdict=Verdict(up=True)), Ready)
    assert uri_of(service) == uri
    eventually(lambda: ask(uri) == "2", "the old release has left")


def test_a_release_has_the_folders_of_azure_ml(service: LocalService) -> None:
    script = """
        import os

        def init():
            pass

        def run(raw_data):
            names = ("AML_APP_ROOT", "AZUREML_MODEL_DIR", "AZUREML_ENTRY_SCRIPT", "SERVICE_NAME", "MODE", "SECRET")
            return {"cwd": os.getcwd(), **{name: os.environ.get(name) for name in names}}
    """
    os.environ["SECRET"] = "never handed on"
    try:
        service.deploy(1, script, env={"MODE": "test"})
    finally:
        del os.environ["SECRET"]
    seen = ask(uri_of(service))
    home = Path(seen["AML_APP_ROOT"])
    assert Path(seen["cwd"]) == (home / seen["AZUREML_ENTRY_SCRIPT"]).parent
    assert seen["AZUREML_MODEL_DIR"] == str(home / "azureml-models" / "sal_model" / "3")
    assert (home / seen["AZUREML_ENTRY_SCRIPT"]).is_file()
    assert (seen["SERVICE_NAME"], seen["MODE"], seen["SECRET"]) == ("salary", "test", None)
    assert (Path(seen["AZUREML_MODEL_DIR"]) / "model.joblib").read_bytes() == b"a model"


def test_a_service_responds_to_the_names_in_hosts(service: LocalService) -> None:
    service.deploy(1, hosts=("ml.example",))
    with closing(http.client.HTTPConnection(urlsplit(uri_of(service)).netloc, timeout=LIMIT)) as connection:
        for host, status in (("ml.example:80", 200), ("other.example", 421)):
            connection.request("GET", "/", headers={"host": host})
            response = connection.getresponse()
            assert (response.status, bool(response.read())) == (status, True)


@pytest.mark.parametrize("name", ["ml.example:80", "http://ml.example", "a b", ""])
def test_a_host_is_only_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="hosts"):
        TypeAdapter(LocalOptions).validate_python({"hosts": (name,)})


def test_a_repeated_step_has_no_second_effect(service: LocalService) -> None:
    request = service.request()
    for _ in range(2):
        service.until(request, Candidate)
    supervisor = service.folder.state()["pid"]
    for _ in range(2):
        service.until(replace(request, verdict=Verdict(up=True)), Ready)
    service.until(request, Candidate)  # a command that was killed after the promotion sends the golden requests again
    service.until(replace(request, verdict=Verdict(up=True)), Ready)
    state = service.folder.state()
    assert (state["pid"], list(state["releases"])) == (supervisor, ["1"])
    assert service.context.intents == ["local/salary/1/start", "local/salary/1/serve"]
    assert service.folder.state()["releases"]["1"]["restarts"] == 0


def test_a_wrong_response_leaves_only_the_old_release(service: LocalService) -> None:
    service.deploy(1)
    uri = uri_of(service)
    failed = service.deploy(2, up=False)
    assert isinstance(failed, Failed)
    assert failed.reason == "the answer was wrong"
    assert "release 2 is ready" in failed.log
    eventually(lambda: list(service.folder.state()["releases"]) == ["1"], "the candidate is gone")
    assert (ask(uri), uri_of(service)) == ("1", uri)
    assert lading_status(service.context).state is State.RUNNING
    assert service.folder.homes(2) == []


def test_a_failed_first_release_leaves_only_its_log(service: LocalService) -> None:
    failed = service.until(service.request(1, BROKEN), Failed)
    assert failed.reason == "ValueError: the model is of another make"
    assert "Traceback" in failed.log
    eventually(lambda: not service.folder.is_supervised(), "the supervisor leaves")
    assert [path.name for path in service.folder.releases.iterdir()] == ["1.log"]
    assert lading_status(service.context).state is State.ABSENT
    logs = lading_logs(LogsRequest(deployment=service.request().deployment), service.context)
    assert any("the model is of another make" in line for line in logs.lines)
    assert isinstance(service.deploy(2), Ready)


def test_an_init_that_hangs_fails_in_time(service: LocalService) -> None:
    script = "def init():\n    while True: pass\ndef run(raw_data): pass\n"
    failed = service.until(service.request(1, script, start_timeout=0.5), Failed)
    assert failed.reason == "init() did not end within 0.5 s"


def test_a_port_in_use_fails_and_the_old_release_serves(service: LocalService) -> None:
    service.deploy(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StageFailed, match=f"^port {port} of 127.0.0.1 is in use by "):
            service.until(service.request(2, port=port), Failed)
    assert ask(uri_of(service)) == "1"


def test_an_open_host_causes_one_warning(service: LocalService) -> None:
    service.deploy(1, host="0.0.0.0")
    assert service.context.warnings == [
        "the service listens on 0.0.0.0 and is open to the network: `auth: key` protects it"
    ]
    assert uri_of(service).startswith("http://127.0.0.1:")
    assert ask(uri_of(service)) == "1"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_loopback_host_causes_no_warning(service: LocalService, host: str) -> None:
    service.deploy(1, host=host)
    assert service.context.warnings == []


def test_options_reach_the_workers(service: LocalService) -> None:
    script = "import time\ndef init(): pass\ndef run(raw_data):\n    time.sleep(60)\n"
    service.deploy(1, script, workers=2, scoring_timeout=0.2, max_body=2000)
    parts = urlsplit(uri_of(service))
    for body, status, word in ((b"{}", 500, b"Scoring timeout after 200 ms"), (b"x" * 2001, 413, b"2000 bytes")):
        with closing(http.client.HTTPConnection(parts.netloc, timeout=LIMIT)) as connection:
            connection.request("POST", parts.path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            assert (response.status, word in response.read()) == (status, True)


def test_a_killed_supervisor_is_reported_and_a_deploy_restarts_it(service: LocalService) -> None:
    request = service.request()
    service.deploy(1)
    uri = uri_of(service)
    os.kill(service.folder.state()["pid"], signal.SIGKILL)
    eventually(lambda: not service.folder.is_supervised(), "it is dead")
    status = lading_status(service.context)
    assert (status.state, status.package_digest) == (State.STOPPED, request.package.digest)
    assert isinstance(lading_scoring_uri(service.context), NoScoringUri)
    service.until(request, Candidate)
    service.until(replace(request, verdict=Verdict(up=True)), Ready)
    assert uri_of(service) == uri


def test_a_candidate_continues_after_its_supervisor_was_killed(service: LocalService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    request = service.request(1, port=port)
    service.until(request, Candidate)
    os.kill(service.folder.state()["pid"], signal.SIGKILL)
    service.until(replace(request, verdict=Verdict(up=True)), Ready)
    assert urlsplit(uri_of(service)).port == port


EVENTS = (9, 18, 27)  # a few: `make torture` kills a deploy at every change


def die(service: LocalService, release: int, event: int) -> None:
    """Deploy in a process that is killed before its n-th change of a file, a folder or a process."""
    kit = Path(__file__).with_name("local_kit.py")
    argv = [sys.executable, str(kit), str(service.root), str(service.context.work), str(release), str(event)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(argv, check=False, timeout=LIMIT, env=env).returncode == -signal.SIGKILL


@pytest.mark.parametrize("event", EVENTS)
def test_a_first_deploy_killed_anywhere_is_continued_by_the_next(service: LocalService, event: int) -> None:
    die(service, 1, event)
    assert isinstance(service.deploy(1), Ready)
    assert ask(uri_of(service)) == "1"
    assert list(service.folder.state()["releases"]) == ["1"]
    service.delete()
    assert not service.folder.is_supervised()
    assert list(service.context.work.iterdir()) == []


@pytest.mark.parametrize("event", EVENTS)
def test_a_later_deploy_killed_anywhere_leaves_the_service_up(service: LocalService, event: int) -> None:
    service.deploy(1)
    uri = uri_of(service)
    die(service, 2, event)
    assert ask(uri) in {"1", "2"}
    assert isinstance(service.deploy(2), Ready)
    assert uri_of(service) == uri
    eventually(lambda: ask(uri) == "2", "the new release serves alone")


def test_an_unfinished_release_of_a_killed_command_is_replaced(service: LocalService) -> None:
    service.until(service.request(1), Candidate)
    assert isinstance(service.deploy(2), Ready)
    eventually(lambda: list(service.folder.state()["releases"]) == ["2"], "the first candidate is gone")
    assert isinstance(service.deploy(3), Ready)
    assert service.folder.homes(1) == []


def test_delete_leaves_an_empty_folder_and_is_idempotent(service: LocalService) -> None:
    service.deploy(1)
    service.delete()
    assert list(service.context.work.iterdir()) == []
    assert lading_status(service.context).state is State.ABSENT
    service.delete()
    assert isinstance(service.deploy(1), Ready)


def test_delete_sends_no_signals(service: LocalService) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        service.folder.releases.mkdir()
        service.folder.desire({**NOTHING, "serving": 1})
        service.folder.write_state({"pid": stranger.pid, "port": 1, "releases": {}})
        assert lading_status(service.context).state is State.STOPPED
        assert lading_delete(service.request().deployment, service.context) == Done()
        assert stranger.poll() is None
        stranger.kill()


def test_logs_are_followed_with_a_cursor(service: LocalService) -> None:
    script = "def init(): print('one\\ntwo')\ndef run(raw_data):\n    print('asked', raw_data)\n    return 1\n"
    service.deploy(1, script)
    deployment = service.request().deployment
    first = lading_logs(LogsRequest(deployment=deployment, tail=1), service.context)
    assert len(first.lines) == 1
    assert lading_logs(LogsRequest(deployment=deployment), service.context).lines[:2] == ("one", "two")
    assert lading_logs(LogsRequest(deployment=deployment, cursor=first.cursor), service.context).lines == ()
    for number in range(3):
        ask(uri_of(service), str(number).encode())
    later = LogsRequest(deployment=deployment, cursor=first.cursor)
    eventually(
        lambda: (
            [line for line in lading_logs(later, service.context).lines if line.startswith("asked")]
            == ["asked 0", "asked 1", "asked 2"]
        ),
        "the log says what happened since",
    )
    service.deploy(2, NAMED)
    assert any("release 2 is ready" in line for line in lading_logs(later, service.context).lines)


def test_a_line_of_a_log_ends_only_where_it_was_ended(service: LocalService) -> None:
    line = '{"text": "a\u2028b\x0cc\x85d"}'
    script = f"""
        def init():
            print({line!r})
            print("windows", end="\\r\\n")

        def run(raw_data):
            return 1
    """
    service.deploy(1, script)
    deployment = service.request().deployment
    assert lading_logs(LogsRequest(deployment=deployment), service.context).lines[:2] == (line, "windows")


def test_a_cursor_stays_valid_when_a_log_is_rotated(service: LocalService) -> None:
    script = (
        "def init(): pass\ndef run(raw_data):\n    print('x' * 1_500_000)\n    print('asked', raw_data)\n    return 1\n"
    )
    service.deploy(1, script)
    deployment = service.request().deployment
    cursor = lading_logs(LogsRequest(deployment=deployment), service.context).cursor
    seen: list[str] = []

    def follow() -> bool:
        nonlocal cursor
        logs = lading_logs(LogsRequest(deployment=deployment, cursor=cursor), service.context)
        cursor = logs.cursor
        seen.extend(line for line in logs.lines if line.startswith("asked"))
        return len(seen) == asked

    for asked in range(1, 7):
        ask(uri_of(service), str(asked).encode())
        eventually(follow, "the line is followed")
    assert seen == [f"asked {number}" for number in range(1, 7)]
    assert service.folder.log(1).with_name("1.log.1").exists()


def test_without_a_desired_release_the_state_is_absent(service: LocalService) -> None:
    service.folder.desire(NOTHING)
    assert lading_status(service.context).state is State.ABSENT
