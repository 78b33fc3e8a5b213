"""A namespace of a real cluster, and a project with one service in it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from container_engine import ContainerEngine
from tests.conftest import Shell
from tests.hook_kit import MemoryContext, context_in
from tests.targets.target_kit import package_in, tags_of
from tests.waiting import LIMIT, eventually

from lading import Candidate, Deployment, DeployRequest, Image, Json, Pending, ShiftRequest, Verdict
from lading_kubernetes import lading_delete, lading_deploy, lading_shift
from lading_kubernetes.options import KubernetesOptions

SCRIPT = """\
import os
from pathlib import Path

def init():
    global number
    number = int(Path(os.environ["AZUREML_MODEL_DIR"], "model.txt").read_text())
    print("the model says", number)
    INIT

def run(raw_data):
    RUN
    return [number]
"""


ANSWER = """\
import http.server, signal

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

signal.signal(signal.SIGTERM, lambda *_: exit(0))
print("listening", flush=True)
http.server.HTTPServer(("", 5001), Handler).serve_forever()
"""
"""A program that answers each health check."""


def program(text: str, **fields: Json) -> Json:
    """A patch with which the container runs a program of Python, so that no image has to be built. It ends at once."""
    command = {"command": ["python3", "-c", text], "lifecycle": None}
    own = {"name": "service", "securityContext": {"runAsUser": 10001}, **command, **fields}
    return {"Deployment": {"spec": {"template": {"spec": {"containers": [own]}}}}}


class Kubernetes:
    """A namespace. `kubectl` and `read` look at it without the target."""

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig, self.namespace = kubeconfig, f"lading-{secrets.token_hex(4)}"
        self.kubectl("create", "namespace", self.namespace)
        self.has_routes = "httproutes" in self.kubectl("api-resources", "--output", "name")

    def kubectl(self, *argv: str, stdin: str | None = None) -> str:
        env = {**os.environ, "KUBECONFIG": self.kubeconfig}
        command = ["kubectl", "--namespace", self.namespace, *argv]
        done = subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout.strip()

    def read(self, kind: str, *name: str) -> Any:
        return json.loads(self.kubectl("get", kind, *name, "-o", "json"))

    def names(self, service: str = "") -> list[str]:
        """All objects that a deploy can make, as `KIND/NAME`, but the pods and the objects of the cluster itself."""
        kinds = "deploy,svc,sa,secret,pdb,netpol,hpa,ingress"
        kinds += ",httproute" if self.has_routes else ""
        chosen = ("--selector", f"app.kubernetes.io/name={service}" if service else "app.kubernetes.io/managed-by")
        return sorted(self.kubectl("get", kinds, "-o", "name", *chosen).split())

    def clear(self, service: str) -> None:
        """Remove the pods and the Service of a service without waiting, so that later tests have the room."""
        chosen = ("--selector", f"app.kubernetes.io/name={service}", "--wait=false")
        self.kubectl("delete", "deploy,svc", *chosen)

    def remove(self) -> None:
        self.kubectl("delete", "namespace", self.namespace, "--wait=false")


class Hooks:
    """Calls the hooks of the target as the framework does, without a package that serves."""

    def __init__(self, folder: Path, kubernetes: Kubernetes, base: str) -> None:
        self.kubernetes, self.base, self.service = kubernetes, base, f"rate-{secrets.token_hex(3)}"
        self._folder = folder
        self.context: MemoryContext = context_in(folder)

    def deployment(self, **options: Any) -> Deployment[KubernetesOptions]:
        usual = {"namespace": self.kubernetes.namespace, "cpu": "20m", "memory": "64Mi", "patch": program(ANSWER)}
        made = KubernetesOptions(**{**usual, **options})
        return Deployment(service=self.service, target="t", options=made)

    def request(self, release: int = 1, image: str = "", **options: Any) -> DeployRequest[KubernetesOptions]:
        package, release_id = package_in(self._folder, digest=f"{release:064x}"), f"{release:08x}{'0' * 8}"
        tags = tags_of(package, service=self.service, release=release)
        return DeployRequest(
            deployment=self.deployment(**options),
            package=package,
            release=release,
            release_id=release_id,
            tags={**tags, "lading.release-id": release_id},
            image=Image(reference=image or self.base, digest="", platform="linux/amd64"),
        )

    def deploy(self, request: DeployRequest[KubernetesOptions]) -> Any:
        """The last step of a deploy whose candidate is accepted."""
        step = self.steps(request)
        if not isinstance(step, Candidate):
            return step
        return self.steps(replace(request, verdict=Verdict(up=True)))

    def steps(self, request: DeployRequest[KubernetesOptions]) -> Any:
        """The first step that is not pending."""
        return self._last(lambda: lading_deploy(request, self.context), "the deploy ends")

    def shift(self, request: ShiftRequest[KubernetesOptions]) -> Any:
        """The first step of a shift that is not pending."""
        return self._last(lambda: lading_shift(request, self.context), "the shift ends")

    def _last(self, take: Callable[[], Any], what: str) -> Any:
        def last() -> Any:
            step = take()
            if not isinstance(step, Pending):
                return step
            time.sleep(min(step.retry_after, 1.0))
            return None

        return eventually(last, what)

    def delete(self, **options: Any) -> None:
        deployment = self.deployment(**options)
        eventually(lambda: not isinstance(lading_delete(deployment, self.context), Pending), "the delete ends")


class Project:
    """A project with one service in a cluster. `write` gives it another model, script or block."""

    def __init__(self, shell: Shell, kubernetes: Kubernetes, engine: ContainerEngine) -> None:
        self.shell, self.kubernetes, self.engine, self.name = shell, kubernetes, engine, f"rate-{secrets.token_hex(3)}"
        shell.env |= {"DOCKER_HOST": engine.host, "KUBECONFIG": kubernetes.kubeconfig}
        shell.fails = True  # the log of a failed release may contain a traceback

    def write(self, number: int, target: str = "", *, init: str = "pass", run: str = "pass", image: str = "") -> None:
        self.shell.write("model.txt", str(number))
        self.shell.write("score.py", SCRIPT.replace("INIT", init).replace("RUN", run))
        block = f"{{namespace: {self.kubernetes.namespace}, cpu: 200m, memory: 128Mi{target and f', {target}'}}}"
        self.shell.write(
            "lading.yaml",
            f"version: 1\nname: {self.name}\nregister: {{model: rate, file: model.txt}}\n"
            f"package: {{scoring_script: score.py, samples: [{{request: 1, response: [{number}]}}]}}\n"
            f"image: {{base: '{self.engine.base}', wheels: {self.engine.wheels}{image}}}\n"
            f"target: kubernetes\ntargets:\n  kubernetes: {block}\n",
        )

    def answer(self) -> object:
        return self.shell("score", "-d", "1").json()
