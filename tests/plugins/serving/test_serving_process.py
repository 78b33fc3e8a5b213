"""A worker and its log from the supervisor's side, when the system refuses something."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.plugins.serving.serving_kit import Service
from tests.waiting import eventually

from lading_serving import process as module
from lading_serving import runner
from lading_serving.control import ControlFolder
from lading_serving.process import Log, Worker
from lading_serving.runner import Runner
from lading_serving.spec import ReleaseSpec
from lading_serving.supervisor import Supervisor


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "1.log", {})
    yield log
    log.close()


@pytest.fixture
def host() -> Iterator[Runner]:
    host = Runner(kept=0)
    yield host
    for sock in host.reception._pair:
        sock.close()


@pytest.fixture
def spec(service: Service) -> ReleaseSpec:
    """A release of which each worker ends at once."""
    return replace(service.add(1), python=shutil.which("true") or "")


@pytest.fixture
def begin(log: Log, host: Runner) -> Iterator[Callable[[ReleaseSpec], Worker]]:
    started: list[Worker] = []

    def begin(spec: ReleaseSpec) -> Worker:
        started.append(Worker(spec, b"", [], log, host))
        return started[-1]

    yield begin
    for worker in started:
        eventually(worker.has_ended, "the worker has ended")


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_after_a_failed_rotation_no_line_reaches_another_file(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    log.write(b"first\n")
    monkeypatch.setattr(module, "_LOG_LIMIT", 8)
    with monkeypatch.context() as patch:
        patch.setattr(module, "open_own", refuse)
        log.write(b"second\n")
        with (tmp_path / "other").open("wb"):
            monkeypatch.setattr(module, "_LOG_LIMIT", 1000)
            log.write(b"third\n")
    monkeypatch.setattr(module, "_LOG_LIMIT", 8)
    log.write(b"fourth\n")
    assert (tmp_path / "other").read_bytes() == b""
    assert (tmp_path / "1.log.1").read_bytes() == b"first\nthird\n"
    assert (tmp_path / "1.log").read_bytes() == b"fourth\n"


def test_a_worker_that_cannot_be_started_leaves_no_file_open(
    spec: ReleaseSpec, begin: Callable[[ReleaseSpec], Worker], host: Runner
) -> None:
    assert host.reception.queue
    before = open_files()
    with suppress(FileNotFoundError):
        begin(replace(spec, python=spec.folder + "/missing"))
    assert open_files() == before


@pytest.mark.parametrize(("milliseconds", "is_stuck"), [("0", False), ("1000", True)])
def test_a_time_limit_of_zero_is_no_limit(
    spec: ReleaseSpec, begin: Callable[[ReleaseSpec], Worker], milliseconds: str, is_stuck: bool
) -> None:
    worker = begin(replace(spec, env={**spec.env, "SCORING_TIMEOUT_MS": milliseconds}))
    seen = SimpleNamespace(look=lambda _: None, stuck=1e6, is_busy=True, request_id="an-id")
    worker._pulse = seen  # type: ignore[assignment]
    assert worker.hang() == ("the request an-id did not end within 1 s" if is_stuck else "")


def test_a_report_that_is_not_text_does_not_stop_the_supervisor(
    spec: ReleaseSpec, begin: Callable[[ReleaseSpec], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = begin(spec)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_read", lambda _: b"failed: \xff\n")
        worker._listen()
    assert worker.failure == "\ufffd"


def test_a_process_that_outlives_its_worker_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor = Supervisor(ControlFolder(tmp_path), {"pid": 0, "port": 0, "releases": {}})
    supervisor._workers = frozenset({4})
    monkeypatch.setattr(runner, "end_others", lambda *_, **__: [7])
    supervisor._end_orphans()
    assert "these processes of an ended worker could not be ended: [7]" in capsys.readouterr().err
