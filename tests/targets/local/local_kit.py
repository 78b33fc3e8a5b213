"""Packages to deploy, the framework's side of a deploy, and whatever it takes to leave no process behind.

Run as a program, it takes one deploy as far as it is told and then kills itself: see `main`.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import sys
import textwrap
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import LIMIT, eventually

from lading import (
    Candidate,
    Deployment,
    DeployRequest,
    DeployStep,
    Failed,
    ModelVersion,
    Package,
    Pending,
    Ready,
    ScoringUri,
    State,
    Verdict,
)
from lading_local import lading_delete, lading_deploy, lading_scoring_uri
from lading_local.options import LocalOptions
from lading_serving.control import NOTHING, ControlFolder

NAMED = """
    import os

    def init():
        pass

    def run(raw_data):
        return os.environ["SERVICE_VERSION"]
"""
_GRACE = 5.0  # seconds until what a test has left running is killed


@dataclass
class Recorder:
    """A context that writes down what it is told."""

    work: Path
    deadline: datetime | None = None
    cancelled: bool = False
    connection: Any = None
    models: Any = None
    told: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    intents: list[str] = field(default_factory=list)

    def progress(self, phase: str, detail: str = "") -> None:
        self.told.append((phase, detail))

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def secret(self, name: str) -> Any:
        raise AssertionError(name)

    def intend(self, name: str) -> None:
        self.intents.append(name)

    def record(self, name: str, text: str) -> None:
        """As the store does, in a file that is none of the deployment's own: a killed command has it again."""
        file = self.work.with_name("recorded.json")
        known = json.loads(file.read_bytes()) if file.exists() else {}
        file.write_text(json.dumps({**known, name: text}))

    def recorded(self, name: str) -> str | None:
        file = self.work.with_name("recorded.json")
        return json.loads(file.read_bytes()).get(name) if file.exists() else None


def package_of(
    root: Path, script: str = NAMED, model: bytes = b"a model", requirements: tuple[str, ...] = ()
) -> Package:
    """A package as a packager and the store leave it."""
    digest = hashlib.sha256(script.encode() + model).hexdigest()
    folder = root / f"package-{digest[:8]}"
    file = root / f"model-{hashlib.sha256(model).hexdigest()[:8]}"
    if not folder.exists():
        (folder / "azureml-app").mkdir(parents=True)
        (folder / "azureml-app" / "score.py").write_text(textwrap.dedent(script))
        (folder / "requirements.txt").write_text("\n".join(requirements))
        file.write_bytes(model)
        file.chmod(0o400)
    version = ModelVersion(
        name="sal_model",
        version=3,
        sha256=hashlib.sha256(model).hexdigest(),
        file=file,
        file_name="model.joblib",
        created=datetime.now(UTC),
        framework="scikit-learn",
        framework_version="1.7.2",
        python="3.11",
    )
    python = ".".join(map(str, sys.version_info[:2]))
    return Package(digest, folder, "score.py", version, python, requirements)


def request_for(package: Package, release: int = 1, **options: Any) -> DeployRequest:
    tags = {"lading.service": "salary", "lading.package": package.digest, "lading.model": package.model.sha256}
    return DeployRequest(Deployment("salary", "local", LocalOptions(**options)), package, release, tags)


@dataclass
class Harbour:
    """One deployment, driven as the framework drives it."""

    root: Path
    context: Recorder

    @property
    def folder(self) -> ControlFolder:
        return ControlFolder(self.context.work)

    def package(self, script: str = NAMED, **more: Any) -> Package:
        return package_of(self.root, script, **more)

    def request(self, release: int = 1, script: str = NAMED, **options: Any) -> DeployRequest:
        return request_for(self.package(script), release, **options)

    def until(self, request: DeployRequest, kind: type[DeployStep]) -> Any:
        """Call again while the answer is Pending; the answer must then be of `kind`."""
        return until(request, self.context, kind)

    def deploy(self, release: int = 1, script: str = NAMED, up: bool = True, **options: Any) -> Ready | Failed:
        """A whole deploy, with the verdict of the golden requests."""
        request = self.request(release, script, **options)
        self.until(request, Candidate)
        verdict = Verdict(up, "" if up else "the answer was wrong")
        step: Ready | Failed = self.until(replace(request, verdict=verdict), Ready if up else Failed)
        return step

    def delete(self) -> None:
        deployment = self.request().deployment
        eventually(lambda: lading_delete(deployment, self.context).state is State.ABSENT, "the deployment is gone")


def until(request: DeployRequest, context: Recorder, kind: type[DeployStep]) -> Any:
    def decided() -> DeployStep | None:
        step = lading_deploy(request, context)
        return None if isinstance(step, Pending) else step

    step = eventually(decided, f"the deploy is {kind.__name__}")
    assert isinstance(step, kind), step
    return step


def ask(uri: str, body: bytes = b"{}") -> Any:
    parts = urlsplit(uri)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=LIMIT)) as connection:
        connection.request("POST", parts.path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        assert response.status == 200
        return json.loads(response.read())


def uri_of(harbour: Harbour) -> str:
    found = lading_scoring_uri(harbour.context)
    assert isinstance(found, ScoringUri)
    return found.uri


def kill_supervisor(harbour: Harbour) -> None:
    os.kill(eventually(lambda: harbour.folder.state()["pid"], "it has a pid"), signal.SIGKILL)
    eventually(lambda: not harbour.folder.is_supervised(), "it is dead")


def stop(folder: ControlFolder) -> None:
    """End whatever a test has left running."""
    if not folder.is_supervised():
        return
    folder.desire(NOTHING)
    try:
        eventually(lambda: not folder.is_supervised(), "the supervisor leaves", _GRACE)
    except AssertionError:
        with suppress(ProcessLookupError):
            os.kill(folder.state()["pid"], signal.SIGKILL)


def main() -> None:
    """`local_kit.py ROOT WORK RELEASE EVENTS`: deploy a release, and die as by kill -9 before the given event."""
    root, work, release, events = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    request = request_for(package_of(root), release)
    context = Recorder(work)
    left = [events]

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event in CHANGES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if writes and any(str(work) in str(argument) for argument in arguments):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    until(request, context, Candidate)
    until(replace(request, verdict=Verdict(up=True)), context, Ready)


CHANGES = {"os.mkdir", "os.rename", "os.link", "os.chmod", "os.remove", "os.rmdir", "subprocess.Popen"}

if __name__ == "__main__":
    main()
