"""A deployed service that really runs: its files in Azure's folders, and Azure's own inference server.

`azureml-app/` is the working folder of the server. It holds the unpacked sources, the driver, and the files of each
model in `azureml-models/{name}/{version}/`, where `Model.get_model_path` looks. The variables are those of the image:
`AZUREML_MODEL_DIR` is the version's folder of a single model, or the root of several.
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

from .blobs import Blobs
from .environments import build
from .kept import Kept
from .models import files
from .operations import Failure
from .state import Record, Workspace

CRASHED = "Your container application crashed. This may be caused by errors in your scoring file's init() function."
EVERY = 0.05  # seconds between two checks whether it responds


class Container:
    """One image of one service in its own folder. `start` runs it, and `stop` ends and removes it."""

    def __init__(self, blobs: Blobs, folder: Path, workspace: Workspace, service: Record) -> None:
        """Build the image. Raises Failure if that fails."""
        self._folder = Path(tempfile.mkdtemp(prefix="container-", dir=folder))
        self._log = self._folder / "log.txt"
        self._app = self._folder / "azureml-app"
        self._request = service["environmentImageRequest"]
        self._process: Kept | None = None
        build(self._request["environment"])
        try:
            for asset in self._request["assets"]:
                _place(asset, blobs.get(workspace.container, asset["url"].removeprefix("aml://artifact/")), self._app)
            models = [_place_model(blobs, workspace, name, self._app) for name in self._request["modelIds"]]
        except (OSError, tarfile.TarError) as error:
            raise _failure(
                "ImageBuildFailed", "BuildImage", "BuildImage", f"The image build failed: {error}"
            ) from error
        model_folder = models[0] if len(models) == 1 else self._app / "azureml-models"
        self._env = self._environment(workspace, service, model_folder)
        self._port = _free_port()

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._process = Kept(self._argv(), self._env, self._app, log)

    def wait(self, seconds: float) -> None:
        """Wait until it responds. Raises Failure if it ends before that, or takes longer than `seconds`."""
        end = time.monotonic() + seconds
        while not self.answers():
            if self._process is None or self._process.ended:
                raise _failure("DeploymentFailed", "DeployService", "CrashLoopBackOff", CRASHED)
            if time.monotonic() > end:
                message = f"Your container did not answer within {seconds} s."
                raise _failure("DeploymentFailed", "DeployService", "DeploymentTimedOut", message)
            time.sleep(EVERY)

    def answers(self) -> bool:
        try:
            return self.ask("GET", "/", b"", {})[0] == 200
        except OSError:
            return False

    def ask(
        self, method: str, target: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
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
        if self._process is not None:
            self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _argv(self) -> list[str]:
        script = self._app / self._variables().get("AZUREML_ENTRY_SCRIPT", self._request["driverProgram"])
        server = [sys.executable, "-m", "azureml_inference_server_http"]
        return [*server, "--port", str(self._port), "--entry_script", str(script)]

    def _variables(self) -> dict[str, str]:
        return dict(self._request["environment"].get("environmentVariables") or {})

    def _environment(self, workspace: Workspace, service: Record, models: Path) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **self._variables(),
            "AML_APP_ROOT": str(self._app),
            "AZUREML_APP_ROOT": str(self._app),
            "AZUREML_MODEL_DIR": str(models),
            "SERVICE_NAME": service["name"],
            "WORKSPACE_NAME": workspace.name,
        }


def _place(asset: Record, content: bytes, app: Path) -> None:
    app.mkdir(exist_ok=True)
    if asset.get("unpack"):
        _unpack(content, app)
    else:
        (app / Path(asset["id"]).name).write_bytes(content)


def _place_model(blobs: Blobs, workspace: Workspace, identifier: str, app: Path) -> Path:
    model = workspace.models[identifier]
    home: Path = app / "azureml-models" / model["name"] / str(model["version"])
    for place, artifact in files(workspace, model).items():
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


def _failure(code: str, phase: str, detail: str, message: str) -> Failure:
    error = {
        "code": code,
        "statusCode": 400,
        "message": message,
        "details": [{"code": detail, "message": message}],
    }
    return Failure(error, phase, message)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
