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
from local_kit import NAMED, Harbour, ask, uri_of
from pydantic import TypeAdapter
from tests.conftest import ROOT
from tests.waiting import LIMIT, eventually

from lading import Candidate, Failed, LogsRequest, NoScoringUri, Ready, StageFailed, State, Verdict
from lading_local import lading_delete, lading_logs, lading_scoring_uri, lading_status
from lading_local.options import LocalOptions
from lading_serving.control import NOTHING

BROKEN = "def init():\n    raise ValueError('the model is of another make')\ndef run(raw_data): pass\n"


def test_a_first_deploy_serves(harbour: Harbour) -> None:
    assert lading_status(harbour.context).state is State.ABSENT
    assert isinstance(lading_scoring_uri(harbour.context), NoScoringUri)
    request = harbour.request()
    candidate = harbour.until(request, Candidate)
    assert ask(candidate.uri) == "1"
    assert lading_status(harbour.context).state is State.PENDING
    harbour.until(replace(request, verdict=Verdict(up=True)), Ready)
    status = lading_status(harbour.context)
    assert (status.state, status.package_digest) == (State.RUNNING, request.package.digest)
    assert status.model_sha256 == request.package.model.sha256
    assert ask(uri_of(harbour)) == "1"
    assert candidate.uri != uri_of(harbour)


def test_the_next_release_takes_over_the_address(harbour: Harbour) -> None:
    harbour.deploy(1)
    uri = uri_of(harbour)
    request = harbour.request(2)
    candidate = harbour.until(request, Candidate)
    assert (ask(uri), ask(candidate.uri)) == ("1", "2")
    harbour.until(replace(request, verdict=Verdict(up=True)), Ready)
    assert uri_of(harbour) == uri
    eventually(lambda: ask(uri) == "2", "the old release has left")


def test_a_release_is_laid_out_as_azure_ml_has_it(harbour: Harbour) -> None:
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
        harbour.deploy(1, script, env={"MODE": "test"})
    finally:
        del os.environ["SECRET"]
    seen = ask(uri_of(harbour))
    home = Path(seen["cwd"])
    assert seen["AML_APP_ROOT"] == str(home)
    assert seen["AZUREML_MODEL_DIR"] == str(home / "azureml-models" / "sal_model" / "3")
    assert (home / seen["AZUREML_ENTRY_SCRIPT"]).is_file()
    assert (seen["SERVICE_NAME"], seen["MODE"], seen["SECRET"]) == ("salary", "test", None)
    assert (Path(seen["AZUREML_MODEL_DIR"]) / "model.joblib").read_bytes() == b"a model"


def test_a_service_is_called_by_the_names_in_hosts(harbour: Harbour) -> None:
    harbour.deploy(1, hosts=("ml.example",))
    with closing(http.client.HTTPConnection(urlsplit(uri_of(harbour)).netloc, timeout=LIMIT)) as connection:
        for host, status in (("ml.example:80", 200), ("other.example", 421)):
            connection.request("GET", "/", headers={"host": host})
            response = connection.getresponse()
            assert (response.status, bool(response.read())) == (status, True)


@pytest.mark.parametrize("name", ["ml.example:80", "http://ml.example", "a b", ""])
def test_a_host_is_a_name_alone(name: str) -> None:
    with pytest.raises(ValueError, match="hosts"):
        TypeAdapter(LocalOptions).validate_python({"hosts": (name,)})


def test_each_step_asked_twice_happens_once(harbour: Harbour) -> None:
    request = harbour.request()
    for _ in range(2):
        harbour.until(request, Candidate)
    supervisor = harbour.folder.state()["pid"]
    for _ in range(2):
        harbour.until(replace(request, verdict=Verdict(up=True)), Ready)
    harbour.until(request, Candidate)  # a command that was killed after it promoted asks the golden requests again
    harbour.until(replace(request, verdict=Verdict(up=True)), Ready)
    state = harbour.folder.state()
    assert (state["pid"], list(state["releases"])) == (supervisor, ["1"])
    assert harbour.context.intents == ["local/salary/1/start", "local/salary/1/serve"]
    assert harbour.folder.state()["releases"]["1"]["restarts"] == 0


def test_a_wrong_answer_leaves_the_old_release_and_nothing_else(harbour: Harbour) -> None:
    harbour.deploy(1)
    uri = uri_of(harbour)
    failed = harbour.deploy(2, up=False)
    assert isinstance(failed, Failed)
    assert failed.reason == "the answer was wrong"
    assert "release 2 is ready" in failed.log
    eventually(lambda: list(harbour.folder.state()["releases"]) == ["1"], "the candidate is gone")
    assert (ask(uri), uri_of(harbour)) == ("1", uri)
    assert lading_status(harbour.context).state is State.RUNNING
    assert harbour.folder.homes(2) == []


def test_a_first_release_that_fails_leaves_nothing_but_its_log(harbour: Harbour) -> None:
    failed = harbour.until(harbour.request(1, BROKEN), Failed)
    assert failed.reason == "ValueError: the model is of another make"
    assert "Traceback" in failed.log
    eventually(lambda: not harbour.folder.is_supervised(), "the supervisor leaves")
    assert [path.name for path in harbour.folder.releases.iterdir()] == ["1.log"]
    assert lading_status(harbour.context).state is State.ABSENT
    logs = lading_logs(LogsRequest(harbour.request().deployment), harbour.context)
    assert any("the model is of another make" in line for line in logs.lines)
    assert isinstance(harbour.deploy(2), Ready)


def test_an_init_that_hangs_fails_in_time(harbour: Harbour) -> None:
    script = "def init():\n    while True: pass\ndef run(raw_data): pass\n"
    failed = harbour.until(harbour.request(1, script, start_timeout=0.5), Failed)
    assert failed.reason == "init() did not end within 0.5 s"


def test_a_port_in_use_fails_and_the_old_release_serves(harbour: Harbour) -> None:
    harbour.deploy(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StageFailed, match=f"^port {port} of 127.0.0.1 is in use by "):
            harbour.until(harbour.request(2, port=port), Failed)
    assert ask(uri_of(harbour)) == "1"


def test_an_open_host_is_warned_of_once(harbour: Harbour) -> None:
    harbour.deploy(1, host="0.0.0.0")
    assert harbour.context.warnings == [
        "the service listens on 0.0.0.0 and asks for no password: it is open to the network"
    ]
    assert uri_of(harbour).startswith("http://127.0.0.1:")
    assert ask(uri_of(harbour)) == "1"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_loopback_host_is_not_warned_of(harbour: Harbour, host: str) -> None:
    harbour.deploy(1, host=host)
    assert harbour.context.warnings == []


def test_options_reach_the_workers(harbour: Harbour) -> None:
    script = "import time\ndef init(): pass\ndef run(raw_data):\n    time.sleep(60)\n"
    harbour.deploy(1, script, workers=2, scoring_timeout=0.2, max_body=2000)
    parts = urlsplit(uri_of(harbour))
    for body, status, word in ((b"{}", 500, b"Scoring timeout after 200 ms"), (b"x" * 2001, 413, b"2000 bytes")):
        with closing(http.client.HTTPConnection(parts.netloc, timeout=LIMIT)) as connection:
            connection.request("POST", parts.path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            assert (response.status, word in response.read()) == (status, True)


def test_a_killed_supervisor_is_told_and_a_deploy_brings_it_back(harbour: Harbour) -> None:
    request = harbour.request()
    harbour.deploy(1)
    uri = uri_of(harbour)
    os.kill(harbour.folder.state()["pid"], signal.SIGKILL)
    eventually(lambda: not harbour.folder.is_supervised(), "it is dead")
    status = lading_status(harbour.context)
    assert (status.state, status.package_digest) == (State.STOPPED, request.package.digest)
    assert isinstance(lading_scoring_uri(harbour.context), NoScoringUri)
    harbour.until(request, Candidate)
    harbour.until(replace(request, verdict=Verdict(up=True)), Ready)
    assert uri_of(harbour) == uri


def test_a_supervisor_killed_under_a_candidate_goes_on_with_it(harbour: Harbour) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    request = harbour.request(1, port=port)
    harbour.until(request, Candidate)
    os.kill(harbour.folder.state()["pid"], signal.SIGKILL)
    harbour.until(replace(request, verdict=Verdict(up=True)), Ready)
    assert urlsplit(uri_of(harbour)).port == port


EVENTS = (9, 18, 27)  # a few: `make torture` kills a deploy wherever it leaves something behind


def die(harbour: Harbour, release: int, event: int) -> None:
    """Deploy in a process that is killed before its n-th change of a file, a folder or a process."""
    kit = Path(__file__).with_name("local_kit.py")
    argv = [sys.executable, str(kit), str(harbour.root), str(harbour.context.work), str(release), str(event)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(argv, check=False, timeout=LIMIT, env=env).returncode == -signal.SIGKILL


@pytest.mark.parametrize("event", EVENTS)
def test_a_first_deploy_killed_anywhere_is_taken_up_by_the_next(harbour: Harbour, event: int) -> None:
    die(harbour, 1, event)
    assert isinstance(harbour.deploy(1), Ready)
    assert ask(uri_of(harbour)) == "1"
    assert list(harbour.folder.state()["releases"]) == ["1"]
    harbour.delete()
    assert not harbour.folder.is_supervised()
    assert list(harbour.context.work.iterdir()) == []


@pytest.mark.parametrize("event", EVENTS)
def test_a_later_deploy_killed_anywhere_leaves_the_service_up(harbour: Harbour, event: int) -> None:
    harbour.deploy(1)
    uri = uri_of(harbour)
    die(harbour, 2, event)
    assert ask(uri) in {"1", "2"}
    assert isinstance(harbour.deploy(2), Ready)
    assert uri_of(harbour) == uri
    eventually(lambda: ask(uri) == "2", "the new release serves alone")


def test_a_release_given_up_by_a_killed_command_makes_way(harbour: Harbour) -> None:
    harbour.until(harbour.request(1), Candidate)
    assert isinstance(harbour.deploy(2), Ready)
    eventually(lambda: list(harbour.folder.state()["releases"]) == ["2"], "the first candidate is gone")
    assert isinstance(harbour.deploy(3), Ready)
    assert harbour.folder.homes(1) == []


def test_delete_leaves_an_empty_folder_and_is_idempotent(harbour: Harbour) -> None:
    harbour.deploy(1)
    harbour.delete()
    assert list(harbour.context.work.iterdir()) == []
    assert lading_status(harbour.context).state is State.ABSENT
    harbour.delete()
    assert isinstance(harbour.deploy(1), Ready)


def test_delete_signals_nobody(harbour: Harbour) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        harbour.folder.releases.mkdir()
        harbour.folder.desire({"serving": 1, "candidate": None})
        harbour.folder.write_state({"pid": stranger.pid, "port": 1, "releases": {}})
        assert lading_status(harbour.context).state is State.STOPPED
        assert lading_delete(harbour.request().deployment, harbour.context).state is State.ABSENT
        assert stranger.poll() is None
        stranger.kill()


def test_logs_are_followed_by_a_cursor(harbour: Harbour) -> None:
    script = "def init(): print('one\\ntwo')\ndef run(raw_data):\n    print('asked', raw_data)\n    return 1\n"
    harbour.deploy(1, script)
    deployment = harbour.request().deployment
    first = lading_logs(LogsRequest(deployment, tail=1), harbour.context)
    assert len(first.lines) == 1
    assert lading_logs(LogsRequest(deployment), harbour.context).lines[:2] == ("one", "two")
    assert lading_logs(LogsRequest(deployment, cursor=first.cursor), harbour.context).lines == ()
    for number in range(3):
        ask(uri_of(harbour), str(number).encode())
    eventually(
        lambda: (
            lading_logs(LogsRequest(deployment, cursor=first.cursor), harbour.context).lines
            == ("asked 0", "asked 1", "asked 2")
        ),
        "the log says what happened since",
    )
    harbour.deploy(2, NAMED)
    later = lading_logs(LogsRequest(deployment, cursor=first.cursor), harbour.context)
    assert any("release 2 is ready" in line for line in later.lines)


def test_a_cursor_survives_the_rotation_of_a_log(harbour: Harbour) -> None:
    script = (
        "def init(): pass\ndef run(raw_data):\n    print('x' * 1_500_000)\n    print('asked', raw_data)\n    return 1\n"
    )
    harbour.deploy(1, script)
    deployment = harbour.request().deployment
    cursor = lading_logs(LogsRequest(deployment), harbour.context).cursor
    seen: list[str] = []

    def follow() -> bool:
        nonlocal cursor
        logs = lading_logs(LogsRequest(deployment, cursor=cursor), harbour.context)
        cursor = logs.cursor
        seen.extend(line for line in logs.lines if line.startswith("asked"))
        return len(seen) == asked

    for asked in range(1, 7):
        ask(uri_of(harbour), str(asked).encode())
        eventually(follow, "the line is followed")
    assert seen == [f"asked {number}" for number in range(1, 7)]
    assert harbour.folder.log(1).with_name("1.log.1").exists()


def test_nothing_desired_is_absent(harbour: Harbour) -> None:
    harbour.folder.desire(NOTHING)
    assert lading_status(harbour.context).state is State.ABSENT
