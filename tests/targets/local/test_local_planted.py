"""Planted files in the folder of a service: they do not run, and do not decide what runs."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Done, Shell
from tests.targets.local.local_kit import LocalService, ask, kill_supervisor, uri_of
from tests.waiting import eventually

from lading import Candidate, Failed, Ready, Refused, Verdict
from lading_local import lading_deploy, lading_scoring_uri, lading_status
from lading_serving.spec import ReleaseSpec

SALARY = "manifests/salary.yaml"


def work_of(salary: Shell) -> Path:
    return salary.folder / ".lading" / "work" / "deployments" / "local" / "salary-svc"


def deploy(salary: Shell, *argv: str, code: int = 0) -> Done:
    return salary("deploy", SALARY, *argv, code=code, LADING_STORE=str(salary.folder / ".lading"))


def plant_release(work: Path, number: int, tags: dict[str, str] | None = None) -> Path:
    """Plant a release whose `python` is a script. Returns the file that this script would create."""
    mark, script = work.parent / "it-ran", work.parent / "python"
    script.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    script.chmod(0o700)
    (work / "releases").mkdir(parents=True, exist_ok=True, mode=0o700)
    ReleaseSpec(
        number=number,
        python=str(script),
        folder=str(work),
        env={},
        model_file="none",
        model_sha256="none",
        tags=tags or {},
    ).write(work / "releases" / f"{number}.json")
    return mark


def desire(work: Path, serving: int | None, candidate: int | None = None) -> None:
    (work / "desired.json").write_text(json.dumps({"serving": serving, "candidate": candidate}))


@pytest.mark.slow
@pytest.mark.parametrize("number", [7, 1], ids=["of another number", "of the number that comes next"])
def test_a_planted_release_never_runs(salary: Shell, number: int) -> None:
    salary("package", SALARY, LADING_STORE=str(salary.folder / ".lading"))
    work = work_of(salary)
    work.mkdir(parents=True, mode=0o700)
    mark = plant_release(work, number)
    desire(work, number)
    refused = deploy(salary, code=3)
    assert not mark.exists()
    assert f"{work}/releases/{number}.json" in refused.err
    assert "lading delete" in refused.err
    salary("delete", SALARY, LADING_STORE=str(salary.folder / ".lading"))
    deploy(salary)
    assert not mark.exists()


def test_a_planted_release_with_the_right_tags_never_runs(service: LocalService) -> None:
    request = service.request()
    mark = plant_release(service.context.work, 1, dict(request.tags))
    with pytest.raises(Refused, match=r"releases/1\.json"):
        lading_deploy(request, service.context)
    assert not service.folder.is_supervised()
    assert not mark.exists()


def test_an_altered_release_is_not_started_again(service: LocalService) -> None:
    service.deploy(1)
    kill_supervisor(service)
    file = service.folder.spec(1)
    spec = json.loads(file.read_bytes())
    mark = plant_release(service.context.work, 1, spec["tags"])
    with pytest.raises(Refused, match=r"releases/1\.json has sha256 [0-9a-f]{64}, not [0-9a-f]{64} as recorded"):
        lading_deploy(service.request(2), service.context)
    assert not mark.exists()


def test_a_running_supervisor_does_not_start_a_planted_release(service: LocalService) -> None:
    service.deploy(1)
    uri = uri_of(service)
    mark = plant_release(service.context.work, 7)
    desire(service.context.work, 1, 7)
    service.folder.wake()
    with pytest.raises(Refused, match=r"releases/7\.json"):
        lading_deploy(service.request(2), service.context)
    assert ask(uri) == "1"
    assert not mark.exists()


def test_a_running_release_is_not_affected_by_an_altered_spec(service: LocalService) -> None:
    service.deploy(1)
    uri = uri_of(service)
    mark = plant_release(service.context.work, 1)
    for worker in children(service.folder.state()["pid"]):
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: answers(uri), "another worker serves")
    assert not mark.exists()
    assert isinstance(service.deploy(2), Ready)
    assert uri_of(service) == uri


def test_after_a_kill_only_the_recorded_releases_are_started_again(service: LocalService) -> None:
    service.deploy(1)
    uri = uri_of(service)
    kill_supervisor(service)
    candidate = service.until(service.request(2), Candidate)
    assert (ask(uri), ask(candidate.uri)) == ("1", "2")
    service.until(replace(service.request(2), verdict=Verdict(up=False, reason="wrong")), object)
    assert ask(uri) == "1"


def test_a_planted_environment_is_not_used(service: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    from lading_local import environment

    package = service.package()
    key = environment._key(package.python, (*package.requirements, *environment._server_requirements()))
    planted = service.context.work / "environments" / key
    (planted / "bin").mkdir(parents=True)
    (planted / "bin" / "python").symlink_to(sys.executable)
    (planted / "complete").touch()
    monkeypatch.setattr(environment, "_run", lambda phase, argv, context: Failed(reason=phase))
    found = environment.ensure_environment(package, service.context)
    assert not isinstance(found, Path)


def test_the_folder_of_a_release_has_an_unpredictable_name(service: LocalService) -> None:
    homes = set()
    for number in (1, 2):
        service.deploy(number)
        homes.add(json.loads(service.folder.spec(number).read_bytes())["folder"])
    assert len({home.rpartition("-")[2] for home in homes}) == 2
    assert all(len(home.rpartition("-")[2]) == 16 for home in homes)


FOREIGN: dict[str, Callable[[Path, Path], object]] = {
    "a link": lambda path, outside: path.symlink_to(outside),
    "a dangling link": lambda path, outside: path.symlink_to(outside.with_name("nothing")),
    "a hard link": lambda path, outside: path.hardlink_to(outside),
    "a FIFO": lambda path, _outside: os.mkfifo(path),
    "a folder": lambda path, _outside: path.mkdir(),
}
NAMES = ("desired.json", "state.json", "starts.json", "lock", "supervisor.log", "releases/1.log", "releases/1.json")


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_file_at_a_known_name_is_refused(service: LocalService, name: str, kind: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("keep")
    path = service.context.work / name
    path.parent.mkdir(exist_ok=True)
    FOREIGN[kind](path, outside)
    for hook in (
        lambda: lading_status(service.context),
        lambda: lading_scoring_uri(service.context),
        lambda: lading_deploy(service.request(), service.context),
        service.delete,
    ):
        with pytest.raises(Refused, match=name):
            hook()
    assert outside.read_text() == "keep"
    assert not outside.with_name("nothing").exists()
    path.rmdir() if kind == "a folder" else path.unlink()


@pytest.mark.parametrize("content", ["{", "[]", "7", '{"serving": "../../x", "candidate": null}', "[" * 100_000])
@pytest.mark.parametrize("name", ["desired.json", "state.json", "starts.json"])
def test_unreadable_content_at_a_known_name_is_refused(service: LocalService, name: str, content: str) -> None:
    (service.context.work / name).write_text(content)
    with pytest.raises(Refused, match=name):
        lading_deploy(service.request(), service.context)
    (service.context.work / name).unlink()


def test_a_planted_state_does_not_lead_clients_to_another_machine(service: LocalService) -> None:
    service.deploy(1)
    state = service.folder.state()
    state["releases"]["1"]["public_uri"] = "http://192.0.2.1:80/score"
    service.folder.write_state(state)
    with pytest.raises(Refused, match=r"state\.json"):
        lading_scoring_uri(service.context)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def answers(uri: str) -> bool:
    try:
        return bool(ask(uri) == "1")
    except OSError:
        return False
