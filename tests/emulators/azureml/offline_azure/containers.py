"""A deployed service that really runs: its files in Azure's folders, and Azure's own inference server.

`azureml-app/` is the working folder of the server. It holds the unpacked sources, the driver, and the files of each
model in `azureml-models/{name}/{version}/`, where `Model.get_model_path` looks. The variables are those of the image:
`AZUREML_MODEL_DIR` is the version's folder of a single model, or the root of several.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from .blobs import Blobs
from .environments import build
from .models import files
from .operations import Failure
from .serving import Ended, Response, Serving
from .state import Record, Workspace

CRASHED = "Your container application crashed. This may be caused by errors in your scoring file's init() function."


class Container:
    """One image of one service in its own folder. `start` runs it, and `stop` ends and removes it."""

    def __init__(self, blobs: Blobs, folder: Path, workspace: Workspace, service: Record) -> None:
        """Build the image. Raises Failure if that fails."""
        self._serving = Serving(folder)
        self._app = self._serving.folder / "azureml-app"
        self._request = service["environmentImageRequest"]
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

    def start(self) -> None:
        self._serving.start(server(self._app / self._script, self._serving.port), self._env, self._app)

    def wait(self, seconds: float) -> None:
        """Wait until it responds. Raises Failure if it ends before that, or takes longer than `seconds`."""
        try:
            self._serving.wait("/", seconds)
        except Ended as error:
            raise _failure("DeploymentFailed", "DeployService", "CrashLoopBackOff", CRASHED) from error
        except TimeoutError as error:
            message = f"Your container did not answer within {seconds} s."
            raise _failure("DeploymentFailed", "DeployService", "DeploymentTimedOut", message) from error

    def ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Response:
        return self._serving.ask(method, target, body, headers)

    def log(self) -> str:
        return self._serving.log()

    def stop(self) -> None:
        self._serving.stop()

    @property
    def _script(self) -> str:
        return self._variables().get("AZUREML_ENTRY_SCRIPT", str(self._request["driverProgram"]))

    def _variables(self) -> dict[str, str]:
        return dict(self._request["environment"].get("environmentVariables") or {})

    def _environment(self, workspace: Workspace, service: Record, models: Path) -> dict[str, str]:
        names = {"SERVICE_NAME": service["name"], "WORKSPACE_NAME": workspace.name}
        return {**variables(self._serving.folder, self._app, models, self._variables()), **names}


def server(script: Path, port: int) -> list[str]:
    """The command of Azure's inference server."""
    argv = [sys.executable, "-m", "azureml_inference_server_http"]
    return [*argv, "--port", str(port), "--entry_script", str(script)]


def variables(home: Path, app: Path, models: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of Azure's inference server, with the variables of a deployment."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **given,
        "AML_APP_ROOT": str(app),
        "AZUREML_APP_ROOT": str(app),
        "AZUREML_MODEL_DIR": str(models),
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
