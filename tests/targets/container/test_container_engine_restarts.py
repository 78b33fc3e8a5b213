"""A container engine that restarts in the middle of a deploy."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from own_engine import OwnEngine, own_engine
from tests.conftest import Shell
from tests.targets.container.conftest import Project
from tests.waiting import LIMIT, eventually

pytestmark = pytest.mark.slow

SLOW = "import time; time.sleep(4)"


@pytest.fixture
def own(shell: Shell) -> Iterator[tuple[OwnEngine, Project]]:
    with own_engine() as (engine, tools):
        yield engine, Project(shell, tools)


def has_started(project: Project, name: str) -> bool:
    """Whether the container of that role runs: the candidate, or the one that takes the public port."""
    shown = project.engine.docker("ps", "--filter", "status=running", "--format", "{{.Names}}").split()
    return any(each.endswith(name) for each in shown)


def test_the_same_command_ends_a_deploy_after_the_engine_restarted(own: tuple[OwnEngine, Project]) -> None:
    engine, project = own
    project.write(7)
    project.shell("deploy")
    for number, role in ((8, ".candidate"), (9, ".next")):
        project.write(number, init=SLOW)
        project.shell("image", "build")
        command = project.shell.start("deploy")
        eventually(lambda role=role: has_started(project, role), f"the container {role} starts")  # type: ignore[misc]
        engine.stop()
        _out, err = command.communicate(timeout=LIMIT)
        assert command.returncode == 5, err
        assert "Traceback" not in err
        engine.start()
        done = project.shell("deploy")
        assert "resuming · release" in done.err
        assert project.answer() == [number]
        assert project.containers() == [project.name]
        (row,) = json.loads(project.shell("status", "--json").out)["deployments"]
        assert row["state"] == "running"
