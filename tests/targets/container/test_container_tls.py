"""TLS of the target `container`, with a real engine, through the command line."""

from __future__ import annotations

import json

import pytest
from tests.plugins.serving.tls_kit import ask_with_tls, make_pair, presented
from tests.targets.container.conftest import Project
from tests.waiting import eventually

pytestmark = pytest.mark.slow

TLS = "{tls: {cert: service.crt, key: service.key}, auth: key}"


def test_a_container_answers_https_and_a_renewed_certificate_makes_a_release(project: Project) -> None:
    pair = make_pair(project.shell.folder)
    project.write(7, target=TLS)
    project.shell("deploy")
    uri = project.shell("uri").out.strip()
    assert uri.startswith("https://127.0.0.1:")
    assert project.answer() == [7]
    assert ask_with_tls(uri, pair, b"1").status == 401
    (row,) = project.shell("status", "--json").json()["deployments"]
    assert row["state"] == "running"

    described = project.engine.docker("inspect", project.name)
    assert pair.key.read_text().splitlines()[1] not in described + project.shell("logs").out
    image = json.loads(described)[0]["Image"]
    found = project.engine.docker("run", "--rm", "--entrypoint", "ls", image, "/etc")
    assert "lading" not in found.split()
    check = [*"exec NAME python3 -P -m lading_serving.alive 5001".replace("NAME", project.name).split()]
    eventually(lambda: project.engine.docker(*check) == "", "the health check of the image succeeds")

    planned = project.shell("plan").out
    assert "nothing to do" in planned, planned
    new = make_pair(project.shell.folder)
    assert "tls.cert" in project.shell("plan").out
    project.shell("deploy")
    assert presented(project.shell("uri").out.strip()) == new.fingerprint
    assert project.answer() == [7]

    project.engine.docker("restart", project.name)
    eventually(lambda: project.shell("score", "-d", "1", code=None).out.strip() == "[7]", "it answers again")
