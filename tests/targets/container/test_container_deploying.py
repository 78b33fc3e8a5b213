"""The target `container` and the images of `docker`, on a real engine, as a user meets them."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from container_engine import ContainerEngine
from tests.conftest import Shell
from tests.targets.container.conftest import Yard
from tests.waiting import LIMIT

pytestmark = pytest.mark.slow


def test_the_salary_model_answers_from_a_container(salary: Shell, container_engine: ContainerEngine) -> None:
    salary.env["DOCKER_HOST"] = container_engine.host
    manifest = salary.folder / "manifests" / "salary.yaml"
    wheels = container_engine.fetch(*salary("package", manifest, "--json").json()["requirements"])
    image = f"image: {{base: '{container_engine.base}', wheels: {wheels}}}\ntargets:\n"
    manifest.write_text(manifest.read_text().replace("targets:\n", image, 1))
    salary("deploy", manifest, "--target", "container")
    answer = salary("score", manifest, "--target", "container", "-d", '{"data": [[21]]}').json()
    assert answer == pytest.approx([141760.56910569107])


def test_an_unchanged_package_is_neither_built_nor_deployed_again(yard: Yard) -> None:
    assert "image: building" in yard.shell("deploy").err
    assert yard.containers() == [yard.name]
    again = yard.shell("deploy")
    assert "image" not in again.err
    built = yard.shell("image", "build")
    assert built.out.startswith("sha256:")
    assert "building" not in built.err
    assert yard.shell("deploy", "--force").err.count("building") == 0
    assert yard.answer() == [7]


def test_the_image_says_what_it_is_and_runs_as_nobody(yard: Yard) -> None:
    image = yard.shell("image", "build", "--json").json()
    found = json.loads(yard.engine.docker("inspect", image["reference"]))[0]
    labels, config = found["Config"]["Labels"], found["Config"]
    assert labels["lading.package"] == yard.shell("package", "--json").json()["digest"]
    assert (labels["lading.model.name"], labels["org.opencontainers.image.version"]) == ("hull", "1")
    assert (config["User"], list(config["ExposedPorts"])) == ("10001:10001", ["5001/tcp"])
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python3"]
    assert image["platform"] == f"{found['Os']}/{found['Architecture']}"
    run = ("run", "-d", "--rm", "--name", f"{yard.name}-alone", image["reference"])
    container = yard.engine.docker(*run)
    yard.engine.docker("stop", "-t", "60", container)  # at once: it hears SIGTERM, or this would take a minute


def test_a_hostile_name_is_carried_literally(yard: Yard) -> None:
    script = "a $(touch x) ${PATH} {{y}} 'q' -z.py"
    yard.write(8, script=script)
    yard.shell("deploy")
    assert yard.answer() == [8]
    environment = yard.engine.docker("inspect", "--format", "{{json .Config.Env}}", yard.name)
    assert f"AZUREML_ENTRY_SCRIPT=azureml-app/{script}" in json.loads(environment)


@pytest.mark.parametrize(
    ("init", "said"),
    [
        ("raise RuntimeError('no keel')", "no keel"),
        ("import sys; sys.exit(9)", "exit code 3"),
        ("bytearray(400_000_000)", "exit code 137, out of memory"),
    ],
)
def test_a_release_that_does_not_come_up_leaves_the_old_one_alone(yard: Yard, init: str, said: str) -> None:
    yard.write(7, target="{memory: 200m}")
    uri = yard.shell("deploy").out
    yard.write(8, init=init, target="{memory: 200m}")
    assert said in yard.shell("deploy", code=8).err
    assert yard.answer() == [7]
    assert yard.shell("uri").out == uri
    assert yard.containers() == [yard.name]


class Moody(http.server.BaseHTTPRequestHandler):
    """Answers the first to come and no other."""

    def do_GET(self) -> None:
        moods = self.server.moods  # type: ignore[attr-defined]
        self.send_response(200 if moods.pop() else 500)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def moody(container_engine: ContainerEngine) -> Iterator[str]:
    """An address, as containers see it, that answers well once."""
    gateway = container_engine.docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    server = http.server.HTTPServer((gateway or "172.17.0.1", 0), Moody)
    server.moods = [False, True]  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{server.server_address[0]}:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_old_container_comes_back_where_the_new_one_fails_in_its_place(yard: Yard, moody: str) -> None:
    uri = yard.shell("deploy").out
    yard.write(8, init=f"import urllib.request as r; r.urlopen('{moody}')")
    assert "500" in yard.shell("deploy", code=8).err
    assert yard.answer() == [7]
    assert (yard.shell("uri").out, yard.containers()) == (uri, [yard.name])


def test_a_container_of_someone_else_is_left_alone(yard: Yard) -> None:
    yard.engine.docker("create", "--name", yard.name, yard.engine.base, "true")
    assert "is not this target's: it is left alone" in yard.shell("deploy", code=6).err
    assert yard.containers() == [yard.name]
    yard.engine.docker("rm", yard.name)


def test_a_port_in_use_is_named_with_its_owner(yard: Yard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        yard.write(7, target=f"{{port: {port}}}")
        refused = yard.shell("deploy", code=6).err
        assert f"port {port} of 127.0.0.1 is in use by " in refused
    assert yard.containers() == []
    yard.shell("deploy")
    assert yard.shell("uri").out == f"http://127.0.0.1:{port}/score\n"


def test_status_says_how_a_container_ended_and_a_deploy_brings_it_back(yard: Yard) -> None:
    yard.write(7, target="{restart: 'no'}")
    yard.shell("deploy")
    assert "the model says 7" in yard.shell("logs").out
    yard.engine.docker("kill", yard.name)
    (standing,) = yard.shell("status", "--json").json()["deployments"]
    assert (standing["state"], standing["detail"]) == ("failed", "exited with exit code 137")
    yard.shell("deploy")
    assert yard.answer() == [7]


def test_an_image_is_pushed_where_the_manifest_says_and_known_by_its_digest(yard: Yard, image_registry: str) -> None:
    yard.write(7, image=f", repository: {image_registry}/team/{yard.name}")
    assert yard.shell("image", "build").out.startswith("sha256:")
    first = yard.shell("image", "push", "--json").json()
    assert first["reference"] == f"{image_registry}/team/{yard.name}@{first['digest']}"
    assert first["registry"] == image_registry
    again = yard.shell("image", "push")
    assert (again.out.strip(), "pushing" in again.err) == (first["reference"], False)
    yard.shell("deploy")
    assert yard.engine.docker("inspect", "--format", "{{.Config.Image}}", yard.name) == first["reference"]


def test_podman_does_the_same(shell: Shell, podman_engine: ContainerEngine, image_registry: str) -> None:
    yard = Yard(shell, podman_engine)
    image = f", repository: {image_registry}/team/{yard.name}"
    yard.write(7, image=image)
    uri = yard.shell("deploy").out
    assert yard.answer() == [7]
    pushed = yard.shell("image", "push", "--json").json()
    manifest = f"http://{image_registry}/v2/team/{yard.name}/manifests/{pushed['digest']}"
    with urllib.request.urlopen(urllib.request.Request(manifest, headers={"accept": "*/*"}), timeout=LIMIT) as answer:
        assert answer.headers["docker-content-digest"] == pushed["digest"]
    yard.write(8, image=image, script="a $(touch x) 'q' -z.py")
    assert yard.shell("deploy").out == uri
    assert (yard.answer(), yard.containers()) == ([8], [yard.name])
    yard.write(9, init="raise RuntimeError('no keel')", image=image)
    assert "no keel" in yard.shell("deploy", code=8).err
    assert yard.answer() == [8]
    yard.shell("delete")
    assert yard.containers() == []


def test_podman_puts_no_image_of_another_service_under_this_name(shell: Shell, podman_engine: ContainerEngine) -> None:
    yard = Yard(shell, podman_engine)
    yard.write(7)
    yard.shell("image", "build")
    yard.name += "-2"
    yard.write(7)  # the same package, and other labels alone
    built = yard.shell("image", "build").out.strip()
    assert podman_engine.docker("inspect", "--format", '{{index .Config.Labels "lading.service"}}', built) == yard.name


def test_what_fails_is_said_with_its_step(yard: Yard, image_registry: str) -> None:
    yard.write(7, image=", extra_index_urls: []")
    manifest = yard.shell.folder / "lading.yaml"
    text = manifest.read_text()
    manifest.write_text(text.replace("scoring_script:", "environment: {pip: [click]}, scoring_script:"))
    failed = yard.shell("image", "build", code=2).err
    assert "package.environment.pip.0: the environment for docker cannot be installed" in failed
    assert "click==" in failed
    manifest.write_text(text.replace(yard.engine.base, f"{image_registry}/nobody/nothing:1"))
    assert "pulling" in yard.shell("image", "build", code=5).err
    assert "add `repository:` under image" in yard.shell("image", "push", code=2).err
    gone = yard.shell("deploy", code=5, DOCKER_HOST="unix:///nowhere/docker.sock").err
    assert "no container engine answers at unix:///nowhere/docker.sock" in gone
