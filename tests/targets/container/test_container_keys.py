"""`auth: key` of the target `container`, with a real engine, through the command line."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.targets.container.conftest import Project

pytestmark = pytest.mark.slow


def keys_of(project: Project, *options: str) -> tuple[str, str]:
    found = project.shell("keys", "--show", "--json", *options).json()
    return found["primary"], found["secondary"]


def status(project: Project, key: str = "", path: str = "score") -> int:
    uri = project.shell("uri").out.strip().removesuffix("score") + path
    headers = {"content-type": "application/json", **({"x-lading-key": key} if key else {})}
    request = urllib.request.Request(uri, data=b"1" if path == "score" else None, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def page(project: Project) -> bytes:
    """The page that a browser without a key gets."""
    uri = project.shell("uri").out.strip().removesuffix("score")
    request = urllib.request.Request(uri, headers={"accept": "text/html"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as answer:
        assert answer.status == 401
        return bytes(answer.read())


def test_a_protected_container_keeps_its_keys_and_rotates_them_while_it_runs(project: Project) -> None:
    project.write(7, target="{auth: key}")
    said = project.shell("deploy").err
    assert '-H "Authorization: Bearer $KEY"' in said
    assert project.answer() == [7]
    before = keys_of(project)
    assert [status(project, key) for key in (*before, "", "other")] == [200, 200, 401, 401]
    assert [status(project, path=path) for path in ("", "metrics")] == [200, 401]
    assert b'id="key"' in page(project)

    started = project.engine.docker("inspect", "--format", "{{.State.StartedAt}}", project.name)
    after = keys_of(project, "--rotate", "primary")
    assert (after[0] != before[0], after[1]) == (True, before[1])
    assert [status(project, key) for key in (*after, before[0])] == [200, 200, 401]
    assert project.engine.docker("inspect", "--format", "{{.State.StartedAt}}", project.name) == started

    project.engine.docker("restart", project.name)
    project.write(8, target="{auth: key}")
    project.shell("deploy")
    assert project.answer() == [8]
    assert keys_of(project) == after
    hidden = (*before, *after)
    assert [key for key in hidden if key in project.engine.docker("inspect", project.name)] == []
    assert [key for key in hidden if key in project.engine.docker("logs", project.name)] == []
    holders = [
        path.name
        for path in Path(project.shell.folder, ".lading").rglob("*")
        if path.is_file() and any(key.encode() in path.read_bytes() for key in hidden)
    ]
    assert holders == ["keys.json"]

    project.shell("delete")
    assert [*Path(project.shell.folder, ".lading").rglob("keys.json")] == []


def test_the_access_is_a_part_of_the_container(project: Project) -> None:
    project.shell("deploy")
    assert status(project) == 200
    assert project.shell("keys", "--json").json()["primary"] is None
    project.write(7, target="{auth: key, metrics: {auth: none}}")
    assert "auth" in project.shell("plan").out
    project.shell("deploy")
    assert status(project, path="metrics") != 401
    assert status(project) == 401
    variables = json.loads(project.engine.docker("inspect", "--format", "{{json .Config.Env}}", project.name))
    assert {"LADING_KEYS=/etc/lading/digests", "LADING_OPEN_METRICS=1"} <= {*variables}


def test_another_store_makes_new_keys_with_a_rotation(project: Project) -> None:
    project.write(7, target="{auth: key}")
    project.shell("deploy")
    old = keys_of(project)
    (key_file,) = Path(project.shell.folder, ".lading").rglob("keys.json")
    key_file.unlink()
    lost = project.shell("keys", code=6).err
    assert "does not have the keys" in lost
    assert "lading keys --rotate primary" in lost
    new = keys_of(project, "--rotate", "primary")
    assert [status(project, key) for key in (*new, *old)] == [200, 200, 401, 401]
