"""The files of `lading eject`: the objects of a deploy without secrets, which serve the same with kubectl alone."""

from __future__ import annotations

import base64
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from container_engine import need
from tests.hook_kit import context_in
from tests.targets.kubernetes.fake_cluster import FakeCluster
from tests.targets.kubernetes.kubernetes_kit import Project
from tests.targets.kubernetes.test_kubernetes_objects import FULL, ROUTE, request
from tests.waiting import LIMIT, eventually

from lading import DeployRequest, Ejected, Ready, Verdict
from lading_kubernetes.deploying import step
from lading_kubernetes.ejecting import eject
from lading_kubernetes.options import KubernetesOptions
from lading_kubernetes.owning import release_name
from lading_kubernetes.patching import merged

PATCH = "patch: {Service: {spec: {sessionAffinity: ClientIP}}, Secret: {metadata: {labels: {kept: 'yes'}}}}"


def deployed(folder: Path, cluster: FakeCluster, made: DeployRequest[KubernetesOptions]) -> None:
    """Deploy to a cluster in memory."""
    context, client = context_in(folder), cluster.client()
    step(made, context, client)
    cluster.complete(release_name(made))
    for _ in range(2):
        last = step(replace(made, verdict=Verdict(up=True)), context, client)
    assert last == Ready()


def bodies(found: Ejected) -> dict[str, Any]:
    """The objects. The entries of a Secret are in other files."""
    texts = {name: text for name, text in found.files.items() if name.endswith(".yaml")}
    return {name: yaml.safe_load(text) for name, text in texts.items() if name != "kustomization.yaml"}


@pytest.mark.parametrize("block", ["replicas: 2", FULL, ROUTE, f"auth: key, {PATCH}"])
def test_the_files_change_nothing_of_a_deploy(tmp_path: Path, block: str) -> None:
    cluster, made = FakeCluster(), request(tmp_path, block)
    deployed(tmp_path, cluster, made)
    written = bodies(eject(made, cluster.client()))
    names = {(body["kind"], body["metadata"]["name"]) for body in written.values()}
    assert names == {name for name in cluster.objects if name[0] != "Pod"}
    for body in written.values():
        known = cluster.objects[body["kind"], body["metadata"]["name"]]
        assert merged(known, body) == known, body["kind"]


def test_values_from_variables_are_placeholders(tmp_path: Path) -> None:
    cluster, made = FakeCluster(), request(tmp_path, FULL)
    deployed(tmp_path, cluster, made)
    found = eject(made, cluster.client())
    assert "hidden" not in "".join(found.files.values())
    assert found.files["secret/TOKEN"] == "${TOKEN}"


def test_the_pods_of_another_cluster_accept_the_same_keys(tmp_path: Path) -> None:
    cluster, made = FakeCluster(), request(tmp_path, "auth: key")
    deployed(tmp_path, cluster, made)
    data = cluster.objects["Secret", "salary-keys"]["data"]
    found = eject(made, cluster.client())
    assert found.files["keys/digests"] == base64.b64decode(data["digests"]).decode()
    assert base64.b64decode(data["primary"]).decode() not in "".join(found.files.values())
    assert found.placeholders == {}


def test_without_a_deployment_the_user_makes_the_key(tmp_path: Path) -> None:
    found = eject(request(tmp_path, "auth: key"), FakeCluster().client())
    assert found.files["keys/digests"] == "${KEY_DIGEST}\n"
    assert "sha256sum" in found.placeholders["KEY_DIGEST"]


def test_an_autoscaler_keeps_its_number_of_pods(tmp_path: Path) -> None:
    cluster = FakeCluster().client()
    assert "replicas" not in bodies(eject(request(tmp_path, FULL), cluster))["deployment.yaml"]["spec"]
    assert bodies(eject(request(tmp_path, "replicas: 2"), cluster))["deployment.yaml"]["spec"]["replicas"] == 2


def test_the_kustomization_names_each_file_and_the_place(tmp_path: Path) -> None:
    found = eject(request(tmp_path, "context: prod of us"), FakeCluster().client())
    kustomization = yaml.safe_load(found.files["kustomization.yaml"])
    assert kustomization["namespace"] == "models"
    assert [*kustomization["resources"], "kustomization.yaml"] == list(found.files)
    assert "secretGenerator" not in kustomization
    assert found.commands == ("kubectl --context 'prod of us' apply -k .",)


@pytest.mark.parametrize("block", [FULL, f"auth: key, {PATCH}"])
def test_the_files_are_valid(tmp_path: Path, block: str) -> None:
    for body in bodies(eject(request(tmp_path, block), FakeCluster().client())).values():
        kubernetes_validate.validate(body, "1.37", strict=True)


HOSTILE = 'it\'s "any" text: {a}\n\nmetadata:\n  name: other\n# end'
"""A value that would change other fields of a Secret in YAML."""


@pytest.mark.kubernetes
def test_a_value_of_any_text_fills_only_its_entry(tmp_path: Path) -> None:
    need("kubectl")
    found = eject(request(tmp_path, f"auth: key, env: {{TOKEN: hidden}}, {PATCH}"), FakeCluster().client())
    folder = tmp_path / "made"
    for path, text in found.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text.replace("${TOKEN}", HOSTILE))
    built = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, timeout=LIMIT, check=True)
    made = [each for each in yaml.safe_load_all(built.stdout) if each["kind"] == "Secret"]
    (values,) = (each for each in made if "TOKEN" in each["data"])
    assert {name: base64.b64decode(value).decode() for name, value in values["data"].items()} == {"TOKEN": HOSTILE}
    marks = yaml.safe_load(found.files["secret.yaml"])["metadata"]
    assert values["metadata"] == {**marks, "namespace": "models"}
    assert values["metadata"]["labels"]["kept"] == "yes"
    (keys,) = (each for each in made if "digests" in each["data"])
    assert keys["metadata"]["name"] == "salary-keys"


def test_no_line_is_folded(tmp_path: Path) -> None:
    """The engine finds a value of a variable only on one line."""
    long = " ".join(["word"] * 500)
    found = eject(request(tmp_path, f"annotations: {{about: '{long}'}}"), FakeCluster().client())
    assert long in found.files["service.yaml"]


def applied(project: Project, made: Any, **env: str) -> None:
    """Run the commands that `lading eject` prints."""
    env = {"PATH": "/usr/bin:/bin", **{name: project.shell.env[name] for name in ("PATH", "KUBECONFIG")}, **env}
    folder = project.shell.folder / made["folder"]
    command = " && ".join(made["commands"])
    done = subprocess.run(
        command, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def asking(project: Project, namespace: str) -> Iterator[Callable[[str], object]]:
    """Asks the service with a key, through `kubectl proxy`: the answer, or its status."""
    command = ["kubectl", "proxy", "--port", "0"]
    proxy = subprocess.Popen(command, env=project.shell.env, stdout=subprocess.PIPE, text=True)
    assert proxy.stdout is not None
    host = proxy.stdout.readline().split()[-1]
    uri = f"http://{host}/api/v1/namespaces/{namespace}/services/{project.name}:80/proxy/score"

    def ask(key: str) -> object:
        asked = urllib.request.Request(uri, b"1", {"X-Lading-Key": key, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=LIMIT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code

    try:
        yield ask
    finally:
        proxy.kill()
        proxy.communicate(timeout=LIMIT)


@pytest.mark.kubernetes
def test_kubectl_alone_serves_the_same(project: Project) -> None:
    shell, kubernetes, name = project.shell, project.kubernetes, project.name
    shell.env["GREETING"] = "a-secret-greeting"
    block = "auth: key, env: {GREETING: '${GREETING}'}"
    project.write(7, block, init="print('greeted', len(os.environ['GREETING']))")
    shell("deploy")
    made = shell("eject", "made", "--json").json()
    assert set(made["unfilled"]) == {"secret/GREETING"}
    folder = shell.folder / "made"
    assert "a-secret-greeting" not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    before = kubernetes.read("deploy,pods,svc", "-l", f"app.kubernetes.io/name={name}")["items"]
    unfilled = subprocess.run(
        ["kubectl", "apply", "-k", folder], env=shell.env, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert unfilled.returncode != 0, "a file without its values was applied"

    applied(project, made, GREETING="a-secret-greeting")
    after = kubernetes.read("deploy,pods,svc", "-l", f"app.kubernetes.io/name={name}")["items"]
    assert [shape(each) for each in after] == [shape(each) for each in before], "a pod or a selector has changed"
    assert project.answer() == [7]
    assert "changed by" not in shell("status").out
    key = shell("keys", "--show", "--json").json()["primary"]
    shell("delete")

    other = f"{kubernetes.namespace}-ejected"
    kubernetes.kubectl("create", "namespace", other)
    kustomization = folder / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace(kubernetes.namespace, other))
    applied(project, made, GREETING="a-secret-greeting")
    (deployment,) = kubernetes.kubectl("--namespace", other, "get", "deploy", "-o", "name").split()
    kubernetes.kubectl("--namespace", other, "rollout", "status", deployment, "--timeout", "60s")
    with asking(project, other) as ask:
        eventually(lambda: ask(key) == [7], "the service answers")
        assert ask("wrong") == 401
    log = kubernetes.kubectl("--namespace", other, "logs", "-l", f"app.kubernetes.io/name={name}")
    assert "greeted 17" in log
    kubernetes.kubectl("delete", "namespace", other, "--wait=false")


def shape(body: Any) -> tuple[str, str, object]:
    """The parts of an object that an apply without a change leaves alone."""
    return body["kind"], body["metadata"]["uid"], body["spec"]


@pytest.mark.kubernetes
def test_a_first_release_serves_without_a_deploy(project: Project) -> None:
    shell, kubernetes = project.shell, project.kubernetes
    project.write(8, "auth: key")
    made = shell("eject", "made", "--json").json()
    assert made["release"] is None
    assert kubernetes.names(project.name) == []
    applied(project, made, KEY_DIGEST=f"{sha256(b'a-key').hexdigest()}  -")
    (name,) = (name for name in kubernetes.names(project.name) if name.startswith("deployment"))
    kubernetes.kubectl("rollout", "status", name, "--timeout", "60s")
    with asking(project, kubernetes.namespace) as ask:
        eventually(lambda: ask("a-key") == [8], "the service answers")
        assert ask("wrong") == 401
    (row,) = shell("status", "--json").json()["deployments"]
    assert (row["state"], row["package"]) == ("running", made["package"][:12])
    shell("delete")
    assert kubernetes.names(project.name) == []
