"""The target `container` and the images of `docker`, with a real engine, through the command line."""

from __future__ import annotations

import http.server
import json
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from container_engine import ContainerEngine
from tests.conftest import Shell
from tests.targets.container.conftest import Project
from tests.waiting import LIMIT, eventually

pytestmark = pytest.mark.slow


def test_the_salary_model_responds_from_a_container(salary: Shell, container_engine: ContainerEngine) -> None:
    salary.env["DOCKER_HOST"] = container_engine.host
    manifest = salary.folder / "manifests" / "salary.yaml"
    wheels = container_engine.fetch(*salary("package", manifest, "--json").json()["requirements"])
    image = f"image: {{base: '{container_engine.base}', wheels: {wheels}}}\ntargets:\n"
    manifest.write_text(manifest.read_text().replace("targets:\n", image, 1))
    salary("deploy", manifest, "--target", "container")
    answer = salary("score", manifest, "--target", "container", "-d", '{"data": [[21]]}').json()
    assert answer == pytest.approx([141760.56910569107])


def test_an_unchanged_package_is_not_built_or_deployed_again(project: Project) -> None:
    assert "image: building" in project.shell("deploy").err
    assert project.containers() == [project.name]
    again = project.shell("deploy")
    assert "image" not in again.err
    built = project.shell("image", "build")
    assert built.out.startswith("sha256:")
    assert "building" not in built.err
    assert project.shell("deploy", "--force").err.count("building") == 0
    assert project.answer() == [7]


def test_the_image_has_its_labels_and_runs_as_an_unprivileged_user(project: Project) -> None:
    image = project.shell("image", "build", "--json").json()
    found = json.loads(project.engine.docker("inspect", image["reference"]))[0]
    labels, config = found["Config"]["Labels"], found["Config"]
    assert labels["lading.package"] == project.shell("package", "--json").json()["digest"]
    assert (labels["lading.model.name"], labels["org.opencontainers.image.version"]) == ("rate", "1")
    assert (config["User"], list(config["ExposedPorts"])) == ("10001:10001", ["5001/tcp"])
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python3"]
    assert image["platform"] == f"{found['Os']}/{found['Architecture']}"
    run = ("run", "-d", "--rm", "--name", f"{project.name}-alone", image["reference"])
    container = project.engine.docker(*run)
    project.engine.docker("stop", "-t", "60", container)  # SIGTERM ends it at once; a kill would take a minute


def test_a_malicious_name_is_passed_on_literally(project: Project) -> None:
    script = "a $(touch x) ${PATH} {{y}} 'q' -z.py"
    project.write(8, script=script)
    project.shell("deploy")
    assert project.answer() == [8]
    environment = project.engine.docker("inspect", "--format", "{{json .Config.Env}}", project.name)
    assert f"AZUREML_ENTRY_SCRIPT=azureml-app/{script}" in json.loads(environment)


def test_a_script_reads_the_files_of_a_folder_and_the_file_beside_it(project: Project) -> None:
    manifest, script = project.shell.folder / "lading.yaml", project.shell.folder / "score.py"
    text = manifest.read_text().replace("file: model.txt", "file: forest")
    manifest.write_text(text.replace("package: {", "package: {include: [beside.txt], "))
    project.shell.write("beside.txt", "7")
    code = script.read_text().replace('"model.txt"', '"forest", "parts", "answer.bin"')
    script.write_text(code.replace("pass", "assert open('beside.txt').read() == '7'"))
    project.shell.write("forest/parts/answer.bin", "7")
    project.shell.write("forest/config.json", "{}")
    project.shell("deploy")
    assert project.answer() == [7]


@pytest.mark.parametrize(
    ("init", "said"),
    [
        ("raise RuntimeError('no model')", "no model"),
        ("import sys; sys.exit(9)", "exit code 3"),
        ("bytearray(400_000_000)", "exit code 137, out of memory"),
    ],
)
def test_a_release_that_does_not_come_up_does_not_affect_the_old_one(project: Project, init: str, said: str) -> None:
    project.write(7, target="{memory: 200m}")
    uri = project.shell("deploy").out
    project.write(8, init=init, target="{memory: 200m}")
    assert said in project.shell("deploy", code=8).err
    assert project.answer() == [7]
    assert project.shell("uri").out == uri
    assert project.containers() == [project.name]


class MoodyServer(http.server.HTTPServer):
    moods: list[bool]
    """Whether to respond, the next one last."""


class Moody(http.server.BaseHTTPRequestHandler):
    """Responds only to the first request."""

    server: MoodyServer

    def do_GET(self) -> None:
        self.send_response(200 if self.server.moods.pop() else 500)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def moody(container_engine: ContainerEngine) -> Iterator[str]:
    """An address, as seen from containers, that responds correctly once."""
    gateway = container_engine.docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    host = gateway or "172.17.0.1"
    server = MoodyServer((host, 0), Moody)
    server.moods = [False, True]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{host}:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_old_container_is_restored_if_the_new_one_fails_in_its_place(project: Project, moody: str) -> None:
    uri = project.shell("deploy").out
    project.write(8, init=f"import urllib.request as r; r.urlopen('{moody}')")
    assert "500" in project.shell("deploy", code=8).err
    assert project.answer() == [7]
    assert (project.shell("uri").out, project.containers()) == (uri, [project.name])


def test_a_container_of_another_owner_is_not_changed(project: Project) -> None:
    project.engine.docker("create", "--name", project.name, project.engine.base, "true")
    assert "is not this target's: it is left alone" in project.shell("deploy", code=6).err
    assert project.containers() == [project.name]
    project.engine.docker("rm", project.name)


def test_a_port_in_use_is_named_with_its_owner(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        project.write(7, target=f"{{port: {port}}}")
        refused = project.shell("deploy", code=6).err
        assert f"port {port} of 127.0.0.1 is in use by " in refused
    assert project.containers() == []
    project.shell("deploy")
    assert project.shell("uri").out == f"http://127.0.0.1:{port}/score\n"


def test_status_explains_how_a_container_ended_and_a_deploy_restarts_it(project: Project) -> None:
    project.write(7, target="{restart: 'no'}")
    project.shell("deploy")
    assert "the model says 7" in project.shell("logs").out
    project.engine.docker("kill", project.name)
    (standing,) = project.shell("status", "--json").json()["deployments"]
    assert (standing["state"], standing["detail"]) == ("failed", "exited with exit code 137")
    project.shell("deploy")
    assert project.answer() == [7]


@pytest.mark.parametrize(
    ("init", "cause"),
    [
        ("open('/tmp/started', 'x')", "exit code 3"),
        (
            "bytearray(400_000_000) if os.path.exists('/tmp/started') else open('/tmp/started', 'x')",
            "out of memory, exit code 137",
        ),
    ],
    ids=["exit code", "memory"],
)
def test_status_says_how_often_and_why_the_policy_restarted_a_container(
    project: Project, init: str, cause: str
) -> None:
    project.write(7, init=init, target="{memory: 200m}")
    project.shell("deploy")
    assert project.detail() == ""
    project.engine.docker("exec", project.name, "python3", "-c", "import os; os.kill(1, 15)")
    said = re.compile(rf"(.*; )?its policy restarted it (once|\d+ times): {cause}")
    eventually(lambda: said.fullmatch(project.detail()), "status says why the container was restarted")


def test_an_image_is_pushed_to_the_repository_in_the_manifest_and_named_by_its_digest(
    project: Project, image_registry: str
) -> None:
    project.write(7, image=f", repository: {image_registry}/team/{project.name}")
    assert project.shell("image", "build").out.startswith("sha256:")
    first = project.shell("image", "push", "--json").json()
    assert first["reference"] == f"{image_registry}/team/{project.name}@{first['digest']}"
    assert first["registry"] == image_registry
    again = project.shell("image", "push")
    assert (again.out.strip(), "pushing" in again.err) == (first["reference"], False)
    manifest = f"http://{image_registry}/v2/team/{project.name}/manifests/{first['digest']}"
    urllib.request.urlopen(urllib.request.Request(manifest, method="DELETE"), timeout=LIMIT).close()
    again = project.shell("image", "push")
    assert (again.out.strip(), "pushing" in again.err) == (first["reference"], True)
    forced = project.shell("image", "push", "--force")
    assert "pushing" in forced.err
    project.shell("deploy")
    assert project.engine.docker("inspect", "--format", "{{.Config.Image}}", project.name) == forced.out.strip()


def test_podman_has_the_same_results(shell: Shell, podman_engine: ContainerEngine, image_registry: str) -> None:
    project = Project(shell, podman_engine)
    image = f", repository: {image_registry}/team/{project.name}"
    project.write(7, image=image)
    uri = project.shell("deploy").out
    assert project.answer() == [7]
    pushed = project.shell("image", "push", "--json").json()
    manifest = f"http://{image_registry}/v2/team/{project.name}/manifests/{pushed['digest']}"
    with urllib.request.urlopen(urllib.request.Request(manifest, headers={"accept": "*/*"}), timeout=LIMIT) as answer:
        assert answer.headers["docker-content-digest"] == pushed["digest"]
    project.write(8, image=image, script="a $(touch x) 'q' -z.py")
    assert project.shell("deploy").out == uri
    assert (project.answer(), project.containers()) == ([8], [project.name])
    project.write(9, init="raise RuntimeError('no model')", image=image)
    assert "no model" in project.shell("deploy", code=8).err
    assert project.answer() == [8]
    project.shell("delete")
    assert project.containers() == []


def test_podman_puts_no_image_of_another_service_under_this_name(shell: Shell, podman_engine: ContainerEngine) -> None:
    project = Project(shell, podman_engine)
    project.write(7)
    project.shell("image", "build")
    project.name += "-2"
    project.write(7)  # the same package, but other labels
    built = project.shell("image", "build").out.strip()
    assert (
        podman_engine.docker("inspect", "--format", '{{index .Config.Labels "lading.service"}}', built) == project.name
    )


def test_failures_are_reported_with_their_step(project: Project, image_registry: str) -> None:
    project.write(7, image=", extra_index_urls: []")
    manifest = project.shell.folder / "lading.yaml"
    text = manifest.read_text()
    manifest.write_text(text.replace("scoring_script:", "environment: {pip: [click]}, scoring_script:"))
    failed = project.shell("image", "build", code=2).err
    assert "package.environment.pip.0: the environment for docker cannot be installed" in failed
    assert "click==" in failed
    manifest.write_text(text.replace(project.engine.base, f"{image_registry}/nobody/nothing:1"))
    assert "pulling" in project.shell("image", "build", code=5).err
    assert "add `repository:` under image" in project.shell("image", "push", code=2).err
    gone = project.shell("deploy", code=5, DOCKER_HOST="unix:///nowhere/docker.sock").err
    assert "no container engine answers at unix:///nowhere/docker.sock" in gone


def test_a_container_shows_its_figures_and_its_requests(project: Project) -> None:
    project.write(7, target="{access_log: true, log_format: json}")
    project.shell("deploy")
    assert project.answer() == [7]
    (standing,) = project.shell("status", "--json").json()["deployments"]
    (release,) = standing["releases"]
    assert (release["release"], standing["no_figures"]) == (1, None)
    assert release["requests"] >= 1
    assert release["memory"] > 1e7

    def scored() -> list[dict[str, object]]:
        lines = project.shell("logs", "--json", "--since", "1h").out.splitlines()
        return [each for each in map(json.loads, lines) if each.get("path") == "/score"]

    assert {(each["status"], each["release"]) for each in eventually(scored, "a line of a request")} == {(200, "1")}
    assert "leave out --release" in project.shell("logs", "--release", "1", code=2).err
    bound = json.loads(project.engine.docker("inspect", "--format", "{{json .HostConfig.LogConfig}}", project.name))
    assert bound["Type"] != "json-file" or bound["Config"] == {"max-size": "4m", "max-file": "2"}
    metrics = urllib.request.urlopen(f"{project.shell('uri').out.strip().removesuffix('score')}metrics", timeout=LIMIT)
    with metrics as answer:
        text = answer.read().decode()
    assert re.search(r'lading_release_info\{model="rate",package="[0-9a-f]{64}",release="1",service="project-', text)
