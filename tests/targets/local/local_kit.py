"""Packages to deploy, the framework's side of a deploy, and cleanup of all processes.

As a program, it runs one deploy to a given point and then kills itself: see `main`.
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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.hook_kit import MemoryContext, a_version
from tests.waiting import LIMIT, eventually

from lading import (
    Candidate,
    Deployment,
    DeployRequest,
    DeployStep,
    Done,
    Failed,
    Package,
    Pending,
    Ready,
    ScoringUri,
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
Step = TypeVar("Step")
_GRACE_PERIOD = 5.0  # seconds before remaining processes of a test are killed


class Recorder(MemoryContext):
    """A context whose facts survive the process, like those in the store."""

    def record(self, name: str, text: str) -> None:
        file = self.work.with_name("recorded.json")
        known = json.loads(file.read_bytes()) if file.exists() else {}
        file.write_text(json.dumps({**known, name: text}))

    def recorded(self, name: str) -> str | None:
        file = self.work.with_name("recorded.json")
        return json.loads(file.read_bytes()).get(name) if file.exists() else None


def package_of(
    root: Path, script: str = NAMED, model: bytes = b"a model", requirements: tuple[str, ...] = ()
) -> Package:
    """A package, as a packager and the store create it."""
    digest = hashlib.sha256(script.encode() + model).hexdigest()
    folder = root / f"package-{digest[:8]}"
    file = root / f"model-{hashlib.sha256(model).hexdigest()[:8]}"
    if not folder.exists():
        (folder / "azureml-app").mkdir(parents=True)
        (folder / "azureml-app" / "score.py").write_text(textwrap.dedent(script))
        (folder / "requirements.txt").write_text("\n".join(requirements))
        file.write_bytes(model)
        file.chmod(0o400)
    version = a_version(file, name="sal_model", sha256=hashlib.sha256(model).hexdigest())
    python = ".".join(map(str, sys.version_info[:2]))
    return Package(
        digest=digest, folder=folder, scoring_script="score.py", model=version, python=python, requirements=requirements
    )


def request_for(package: Package, release: int = 1, **options: Any) -> DeployRequest[LocalOptions]:
    release_id = f"{release:016x}"
    tags = {
        "lading.service": "salary",
        "lading.release": str(release),
        "lading.release-id": release_id,
        "lading.package": package.digest,
        "lading.model": package.model.sha256,
    }
    return DeployRequest(
        deployment=Deployment(service="salary", target="local", options=LocalOptions(**options)),
        package=package,
        release=release,
        release_id=release_id,
        tags=tags,
    )


@dataclass
class LocalService:
    """One deployment, called like the framework does."""

    root: Path
    context: Recorder

    @property
    def folder(self) -> ControlFolder:
        return ControlFolder(self.context.work)

    def package(self, script: str = NAMED, **more: Any) -> Package:
        return package_of(self.root, script, **more)

    def request(self, release: int = 1, script: str = NAMED, **options: Any) -> DeployRequest[LocalOptions]:
        return request_for(self.package(script), release, **options)

    def until(self, request: DeployRequest[LocalOptions], kind: type[Step]) -> Step:
        """Repeat the call while the answer is Pending. The answer must then be of `kind`."""
        return until(request, self.context, kind)

    def deploy(self, release: int = 1, script: str = NAMED, up: bool = True, **options: Any) -> Ready | Failed:
        """A complete deploy, with the verdict of the golden requests."""
        request = self.request(release, script, **options)
        self.until(request, Candidate)
        verdict = Verdict(up=up, reason="" if up else "the answer was wrong")
        request = replace(request, verdict=verdict)
        return self.until(request, Ready) if up else self.until(request, Failed)

    def delete(self) -> None:
        deployment = self.request().deployment
        eventually(lambda: lading_delete(deployment, self.context) == Done(), "the deployment is gone")


def until(request: DeployRequest[LocalOptions], context: Recorder, kind: type[Step]) -> Step:
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


def uri_of(service: LocalService) -> str:
    found = lading_scoring_uri(service.context)
    assert isinstance(found, ScoringUri)
    return found.uri


def kill_supervisor(service: LocalService) -> None:
    os.kill(eventually(lambda: service.folder.state()["pid"], "it has a pid"), signal.SIGKILL)
    eventually(lambda: not service.folder.is_supervised(), "it is dead")


def stop(folder: ControlFolder) -> None:
    """End all remaining processes of a test."""
    if not folder.is_supervised():
        return
    folder.desire(NOTHING)
    try:
        eventually(lambda: not folder.is_supervised(), "the supervisor leaves", _GRACE_PERIOD)
    except AssertionError:
        with suppress(ProcessLookupError):
            os.kill(folder.state()["pid"], signal.SIGKILL)


def main() -> None:
    """`local_kit.py ROOT WORK RELEASE EVENTS`: deploy a release, and end like `kill -9` before the given event."""
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
