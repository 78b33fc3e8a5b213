"""A deployed service, for real: its files laid out as Azure lays them out, and Azure's own inference server on them.

`azureml-app/` holds the unpacked sources and the driver, `azureml-models/{name}/{version}/` each model's files, and the
variables are those of the image: `AZUREML_MODEL_DIR` is the version's folder of one model, or the root above several.
"""

from __future__ import annotations

import http.client
import io
import os
import shutil
import socket
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from . import models
from .blobs import Blobs
from .kept import Kept
from .operations import Failure
from .state import Record, Workspace

EVERY = 0.05  # seconds between two questions whether it answers


class Container:
    """One start of one service; `stop` ends it and removes its files."""

    def __init__(self, blobs: Blobs, workspace: Workspace, service: Record) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="container-"))
        self._log = self._folder / "log.txt"
        self._app = self._folder / "azureml-app"
        self._request = service["environmentImageRequest"]
        for asset in self._request["assets"]:
            content = blobs.get(workspace.container, asset["url"].removeprefix("aml://artifact/"))
            _place(asset, content, self._app)
        folders = [_place_model(blobs, workspace, name, self._folder) for name in self._request["modelIds"]]
        self._models = folders[0] if len(folders) == 1 else self._folder / "azureml-models"
        self.port = _free_port()
        with self._log.open("wb") as log:
            self._process = Kept(self._argv(), self._environment(workspace, service), self._app, log)

    def wait(self, seconds: float) -> None:
        """Until it answers; raises Failure where it ends before, or does not within `seconds`."""
        end = time.monotonic() + seconds
        while not self.answers():
            if self._process.ended:
                raise _crash("Your container application crashed. This may be caused by errors in your scoring file's "
                             "init() function.", "CrashLoopBackOff")  # fmt: skip
            if time.monotonic() > end:
                raise _crash(f"Your container did not answer within {seconds} s.", "DeploymentTimedOut")
            time.sleep(EVERY)

    def answers(self) -> bool:
        try:
            return self.ask("GET", "/", b"", {})[0] == 200
        except OSError:
            return False

    def ask(
        self, method: str, target: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def stop(self) -> None:
        self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _argv(self) -> list[str]:
        script = self._app / self._variables().get("AZUREML_ENTRY_SCRIPT", self._request["driverProgram"])
        server = [sys.executable, "-m", "azureml_inference_server_http"]
        return [*server, "--port", str(self.port), "--entry_script", str(script)]

    def _variables(self) -> dict[str, str]:
        return dict(self._request["environment"].get("environmentVariables") or {})

    def _environment(self, workspace: Workspace, service: Record) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **self._variables(),
            "AML_APP_ROOT": str(self._app),
            "AZUREML_APP_ROOT": str(self._app),
            "AZUREML_MODEL_DIR": str(self._models),
            "SERVICE_NAME": service["name"],
            "WORKSPACE_NAME": workspace.name,
        }


def _place(asset: Record, content: bytes, app: Path) -> None:
    app.mkdir(exist_ok=True)
    if asset.get("unpack"):
        _unpack(content, app)
    else:
        (app / Path(asset["id"]).name).write_bytes(content)


def _place_model(blobs: Blobs, workspace: Workspace, identifier: str, folder: Path) -> Path:
    model = workspace.models[identifier]
    home: Path = folder / "azureml-models" / model["name"] / str(model["version"])
    for place, artifact in models.files(workspace, model).items():
        file = home / place
        file.parent.mkdir(parents=True, exist_ok=True)
        content = blobs.get(workspace.container, artifact)
        if model["unpack"]:
            _unpack(content, home)
        else:
            file.write_bytes(content)
    return home


def _unpack(content: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")


def _crash(message: str, code: str) -> Failure:
    error = {
        "code": "DeploymentFailed",
        "statusCode": 400,
        "message": f"Deployment failed. {message}",
        "details": [{"code": code, "message": message}],
    }
    return Failure(error, "DeployService")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
