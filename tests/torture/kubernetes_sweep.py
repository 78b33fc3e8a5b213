"""An update on a real cluster with one fault at one of its requests, and the guarantees that must hold."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from container_engine import ContainerEngine

from lading.errors import LadingError
from lading.store import StoreToRead

from ..waiting import eventually
from .api_proxy import FAULTS, REFUSALS, ApiProxy, Point
from .gate import Found, Harm
from .warm import Ended, Warm

PATIENCE = "20"  # seconds for a deploy without a reply
MUST_SUCCEED = set(REFUSALS)
HONEST = {0, 5, 7}
GOLDEN = "/proxy/"  # a fault at a golden request may correctly fail the release
ONLY = {"conflict": ("PATCH", "DELETE"), "gone": ("GET",)}
"""The methods that some faults are for."""

TURNS = 2  # of each route, the first requests: the others are the same question again
SERVICE = "rate"
SCRIPT = "def init():\n    pass\n\n\ndef run(raw_data):\n    return [7]\n"
KINDS = "deploy,svc,sa,secret,pdb,netpol,hpa,ingress"
STAYING = {"service/rate", "serviceaccount/rate", "poddisruptionbudget.policy/rate"}
STAYING |= {"networkpolicy.networking.k8s.io/rate"}


def points(routes: Sequence[str]) -> list[Point]:
    """Every fault at the first requests of each route that it is for."""
    turns = {route: min(count, TURNS) for route, count in Counter(routes).items()}
    return [
        Point(fault, route, turn)
        for route, count in turns.items()
        for turn in range(1, count + 1)
        for fault in FAULTS
        if route.startswith(ONLY.get(fault, ""))
    ]


@dataclass
class Lane:
    """A service in a namespace, and a process that runs commands. Each attempt is one more release of the service."""

    proxy: ApiProxy
    warm: Warm
    folder: Path
    namespace: str
    host: str

    @classmethod
    def open(cls, python: Path, folder: Path, kubeconfig: Path, engine: ContainerEngine) -> Lane:
        folder.mkdir()
        (folder / ".git").mkdir()
        namespace = f"sweep-{secrets.token_hex(4)}"
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        proxy = proxy_before(config, folder)
        write_project(folder, namespace, engine)
        lane = cls(proxy, Warm(python, folder, ["lading_kubernetes.rest"]), folder, namespace, engine.host)
        kubectl("create", "namespace", namespace)
        ended = lane.lading("deploy")
        assert ended.code == 0, ended.err
        return lane

    def close(self) -> None:
        self.warm.close()
        self.proxy.close()
        kubectl("delete", "namespace", self.namespace, "--wait=false")

    def record(self) -> list[str]:
        """The routes of the requests of an update without a fault."""
        self.proxy.begin(None)
        ended = self.lading("deploy", "--force")
        assert ended.code == 0, ended.err
        return list(self.proxy.routes)

    def lading(self, *argv: str) -> Ended:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "DOCKER_HOST": self.host}
        return self.warm(*argv, folder=self.folder, env={**env, "KUBECONFIG": str(self.folder / "kubeconfig")})

    def strike(self, point: Point) -> list[Found] | None:
        """The findings of one attempt. None if its fault was not met."""
        self.proxy.begin(point)
        ended = self.lading("deploy", "--force", *(["--timeout", PATIENCE] if point.fault == "silent" else []))
        met = self.proxy.met
        self.proxy.begin(None)
        found = [*self._judge(point, ended), *self._left(point)]
        return found if met or found else None

    def _judge(self, point: Point, ended: Ended) -> Iterator[Found]:
        """Check the end of the deploy with the fault, the service after it, and the same command again."""
        allowed = HONEST | ({8} if GOLDEN in point.route else set())
        if ended.code not in allowed or "Traceback" in ended.err:
            yield Found(Harm.UNTRUE, f"{point}: exit {ended.code}: {ended.err[-600:]}")
        elif point.fault in MUST_SUCCEED and ended.code not in allowed - HONEST | {0}:
            yield Found(Harm.STUCK, f"{point}: exit {ended.code}: {ended.err[-600:]}")
        answer = self.lading("score", "-d", "1")
        if answer.out.strip() != "[7]":
            yield Found(Harm.GAP, f"{point}: the service does not answer: {answer.err[-600:]}")
        again = self.lading("deploy")
        if again.code != 0:
            yield Found(Harm.STUCK, f"{point}: run again: exit {again.code}: {again.err[-600:]}")

    def _left(self, point: Point) -> Iterator[Found]:
        """Check that the service has one release with its pods, and that the store and the cluster agree on it."""
        marks = f"app.kubernetes.io/name={SERVICE}"
        names = set(kubectl("get", KINDS, "-n", self.namespace, "-l", marks, "-o", "name").split())
        deployments = {name for name in names if name.startswith("deployment.apps/")}
        if names - deployments != STAYING or len(deployments) != 1:
            yield Found(Harm.ORPHAN, f"{point}: {sorted(names)}")
        serving = _read("svc", SERVICE, "-n", self.namespace)["spec"]["selector"]["lading.release-id"]
        try:
            eventually(lambda: self._running() == {serving}, "the pods of other releases leave")
        except AssertionError:
            yield Found(Harm.ORPHAN, f"{point}: pods of {sorted(self._running())} run, and {serving} serves")
        try:
            with closing(StoreToRead.read(self.folder / ".lading")) as store:
                states = {release.id: release.state for release in store.releases.list()}
                intents = store.journal.open(SERVICE, "kubernetes")
        except LadingError as error:
            yield Found(Harm.CORRUPT, f"{point}: {error.message}")
            return
        up = [release for release, state in states.items() if state == "up"]
        if up != [serving] or "pending" in states.values() or intents:
            yield Found(Harm.STUCK, f"{point}: {up} is up, {serving} serves, and open intents are {intents}")

    def _running(self) -> set[str]:
        """The releases whose pods do not leave."""
        found = _read("pod", "-n", self.namespace)["items"]
        known = [pod["metadata"] for pod in found]
        return {each["labels"]["lading.release-id"] for each in known if "deletionTimestamp" not in each}


def proxy_before(config: dict[str, Any], folder: Path) -> ApiProxy:
    """A proxy before the API server of a kubeconfig, and a kubeconfig that leads to it by a program with the token."""
    chosen = next(each["context"] for each in config["contexts"] if each["name"] == config["current-context"])
    cluster = next(each["cluster"] for each in config["clusters"] if each["name"] == chosen["cluster"])
    user = next(each["user"] for each in config["users"] if each["name"] == chosen["user"])
    proxy = ApiProxy(cluster["server"], b64decode(cluster["certificate-authority-data"]).decode())
    version = "client.authentication.k8s.io/v1beta1"
    token = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": user["token"]}}
    (folder / "token.json").write_text(json.dumps(token), encoding="utf-8")
    program = {"apiVersion": version, "command": "cat", "args": [str(folder / "token.json")]}
    made = {
        "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": proxy.address}}],
        "users": [{"name": "proxy", "user": {"exec": program}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(made), encoding="utf-8")
    return proxy


def write_project(folder: Path, namespace: str, engine: ContainerEngine) -> None:
    """A service whose model is a file and whose script starts quickly."""
    (folder / "model.txt").write_text("7", encoding="utf-8")
    (folder / "score.py").write_text(SCRIPT, encoding="utf-8")
    manifest = {
        "version": 1,
        "name": SERVICE,
        "register": {"model": "rate", "file": "model.txt"},
        "package": {"scoring_script": "score.py", "samples": [{"request": 1, "response": [7]}]},
        "image": {"base": engine.base, "wheels": str(engine.wheels)},
        "targets": {"kubernetes": {"namespace": namespace, "cpu": "200m", "memory": "128Mi"}},
    }
    (folder / "lading.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")


def kubectl(*argv: str) -> str:
    done = subprocess.run(["kubectl", *argv], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def _read(*argv: str) -> Any:
    return json.loads(kubectl("get", *argv, "-o", "json"))
