"""The running side of a deployment: a process or a container that really serves."""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..containers import server, variables
from ..operations import Failure
from ..serving import Ended, Response, Serving

HELP = "Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-{}"


@dataclass(frozen=True)
class Routes:
    """The paths of a container, and its port."""

    liveness: str = "/"
    readiness: str = "/"
    scoring: str = "/score"
    port: int = 5001


class Replica(ABC):
    """One instance of a deployment. `start` runs it, and `stop` ends and removes it."""

    seconds: float = 5.0  # time limit of a request
    initializer_log: str = ""

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Wait until it is ready. Raises Failure if it ends before that, or takes longer."""

    @abstractmethod
    def ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """The response to a request. Raises OSError if it does not respond."""

    @abstractmethod
    def log(self) -> str: ...

    @abstractmethod
    def stop(self) -> None: ...


class ProcessReplica(Replica):
    """A replica that is a process of this machine."""

    def __init__(self, parent: Path, ready: str = "/") -> None:
        self._serving = Serving(parent)
        self._ready = ready
        self._argv: list[str] = []
        self._env: dict[str, str] = {}
        self._last_log = ""

    @property
    def folder(self) -> Path:
        return self._serving.folder

    def run_script(self, script: Path, app: Path, models: Path, given: Mapping[str, str]) -> None:
        """Prepare Azure's inference server with a scoring script."""
        self._argv, self._env = server(script, self._serving.port), variables(self.folder, app, models, given)

    def run_image(self, image: Path, given: Mapping[str, str]) -> None:
        """Prepare the command of an unpacked image: see `images`."""
        config = json.loads((image / "image.json").read_text(encoding="utf-8"))
        port = str(self._serving.port)
        self._argv = [part.replace("{python}", sys.executable).replace("{port}", port) for part in config["entrypoint"]]
        self._env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **config["env"], **given}

    def start(self) -> None:
        self._serving.start(self._argv, self._env, self.folder)

    def wait(self, seconds: float) -> None:
        try:
            self._serving.wait(self._ready, seconds)
        except Ended as error:
            raise crashed() from error
        except TimeoutError as error:
            raise not_ready() from error

    def ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Response:
        return self._serving.ask(method, target, body, headers, seconds=self.seconds)

    def log(self) -> str:
        return self._serving.log() or self._last_log

    def stop(self) -> None:
        self._last_log = self.log()
        self._serving.stop()


def crashed() -> Failure:
    message = f"User container has crashed or terminated. {HELP.format('resourcenotready')}"
    return Failure({"code": "ResourceNotReady", "message": message, "details": []}, "DeployService")


def not_ready() -> Failure:
    message = f"User container failed its readiness probe and was not ready in time. {HELP.format('resourcenotready')}"
    return Failure({"code": "ResourceNotReady", "message": message, "details": []}, "DeployService")


def no_image(image: str, reason: str) -> Failure:
    message = f"Unable to download user container image {image}: {reason}. {HELP.format('badargument')}"
    return Failure({"code": "BadArgument", "message": message, "details": []}, "DeployService")


def no_capacity(size: str) -> Failure:
    message = (
        f"The specified VM size {size} failed to provision due to a lack of Azure Machine Learning capacity in the "
        f"region. Retry later or try deploying to a different region. {HELP.format('outofcapacity')}"
    )
    return Failure({"code": "OutOfCapacity", "message": message, "details": []}, "DeployService")
