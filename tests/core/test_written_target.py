"""Parts of what `lading plugin new` writes: the service of a target, its look at the platform, a trainer's options."""

from __future__ import annotations

import fcntl
import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lading.cli import scaffold


def written(tmp_path: Path, kind: str, name: str) -> ModuleType:
    """A module of the package that is written."""
    file = tmp_path / name
    file.write_text(scaffold._files("acme", kind)[f"src/lading_acme/{name}"])
    spec = importlib.util.spec_from_file_location(f"written_{kind}_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def service(tmp_path: Path) -> ModuleType:
    return written(tmp_path, "target", "service.py")


def test_two_questions_at_once_do_not_take_each_other_for_the_server(
    service: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lock").touch()
    lock, answers = fcntl.flock, []

    def flock(file: Any, how: int) -> None:
        lock(file, how)
        monkeypatch.setattr(fcntl, "flock", lock)
        answers.append(service._alive(tmp_path))

    monkeypatch.setattr(fcntl, "flock", flock)
    answers.append(service._alive(tmp_path))
    assert answers == [False, False]
    with (tmp_path / "lock").open("a") as server:
        lock(server, fcntl.LOCK_EX)
        assert service._alive(tmp_path)


def test_a_start_goes_on_after_a_question(service: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[object]] = []
    monkeypatch.setattr(service, "lay_out", lambda _package, home: home)
    monkeypatch.setattr(service.subprocess, "Popen", lambda argv, **_: started.append(argv))
    (tmp_path / "lock").touch()
    question = (tmp_path / "lock").open()
    fcntl.flock(question, fcntl.LOCK_SH)
    ended = threading.Timer(0.1, question.close)
    ended.start()
    service.start(tmp_path, SimpleNamespace(scoring_script="score.py"), {}, 0)
    ended.join()
    assert len(started) == 1


def test_the_look_at_the_platform_is_installed_with_the_target(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import time; time.sleep(60)", "server.py", f"{tmp_path}/check-acme-life", "0"]
    with subprocess.Popen(argv) as server:
        try:
            assert written(tmp_path, "target", "testing.py").things_of("check-acme-life") == ["server"]
        finally:
            server.kill()


def test_a_trainer_says_that_it_records_no_samples(tmp_path: Path) -> None:
    options = written(tmp_path, "trainer", "__init__.py").AcmeOptions(data=tmp_path, column="sales")
    assert options.cannot_record == "a mean has the same answer for each row"
