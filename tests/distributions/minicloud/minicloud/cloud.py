"""The platform: a folder with models, server processes and a front for each service. It does not depend on Lading."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lading import Package, child_environment, lay_out

_PROGRAMS = Path(__file__).parent


@dataclass(frozen=True)
class Server:
    """A server process. `port` is 0 until it serves. If it cannot start, `error` is the reason."""

    pid: int = 0
    port: int = 0
    error: str = ""

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}/score"


class Cloud:
    """The objects of one service on the platform. Names of servers and models begin with the service's name."""

    def __init__(self, folder: str, service: str) -> None:
        self._service = service
        self._models, self._servers = Path(folder, "models"), Path(folder, "servers")
        self._fronts = Path(folder, "fronts")
        for part in (self._models, self._servers, self._fronts):
            part.mkdir(parents=True, exist_ok=True)
        self._front, self._route = self._fronts / f"{service}.json", self._fronts / f"{service}.route"

    def models(self) -> list[str]:
        return [path.name for path in self._models.glob(f"{self._service}.*")]

    def servers(self) -> dict[str, Server]:
        records = self._servers.glob(f"{self._service}.*.json")
        return {record.stem: Server(**_read(record)) for record in records}

    @property
    def route(self) -> Mapping[str, Any]:
        """The current route of the front, with the tags of the release; empty if there is none."""
        return _read(self._route)

    @property
    def front(self) -> Server | None:
        return Server(**_read(self._front)) if self._front.exists() else None

    def add_model(self, name: str, package: Package) -> str:
        """Copy a package's files and its model."""
        draft = self._models / f"draft-{os.getpid()}"
        folder = lay_out(package, draft)
        (draft / "model-folder").write_text(str(folder.relative_to(draft)))
        draft.rename(self._models / name)
        return name

    def remove_model(self, name: str) -> None:
        shutil.rmtree(self._models / name, ignore_errors=True)

    def start_server(self, name: str, script: str) -> None:
        home = self._models / name
        model = home / (home / "model-folder").read_text()
        argv = (home / "azureml-app" / script,)
        _start("server.py", self._servers / f"{name}.json", *argv, AZUREML_MODEL_DIR=str(model))

    def end_server(self, name: str) -> None:
        _end(self._servers / f"{name}.json")

    def lead_to(self, name: str, tags: Mapping[str, str]) -> None:
        """Route requests to a server, starting with the next one."""
        _write(self._route, {"server": name, "port": self.servers()[name].port, "tags": dict(tags)})

    def lead_nowhere(self) -> None:
        """Refuse requests, starting with the next one."""
        _write(self._route, {**self.route, "port": 0})

    def start_front(self) -> None:
        _start("front.py", self._front, self._route)

    def end_front(self) -> None:
        _end(self._front)
        self._route.unlink(missing_ok=True)


def things_of(folder: Path, service: str) -> list[str]:
    """The objects of a service: models from their folders, servers and fronts from the process table."""
    models = [f"model {path.name}" for path in (folder / "models").glob(f"{service}.*")]
    processes = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            argv = [Path(os.fsdecode(part)) for part in (process / "cmdline").read_bytes().split(b"\0")]
            records = [part for part in argv if part.is_relative_to(folder) and part.suffix == ".json"]
            processes += [f"{record.parent.name} {record.stem}" for record in records[:1]]
    return models + [each for each in processes if each.partition(" ")[2].partition(".")[0] == service]


def _start(program: str, record: Path, *argv: Path, **variables: str) -> None:
    """Start a process, which writes its port into its record."""
    process = subprocess.Popen(
        [sys.executable, "-P", _PROGRAMS / program, record, *argv],
        env=child_environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    draft = record.with_suffix(".new")
    draft.write_text(json.dumps({"pid": process.pid}))
    with suppress(FileExistsError):  # the process was faster
        os.link(draft, record)
    draft.unlink()


def _end(record: Path) -> None:
    """Stop a process. It first answers its pending requests."""
    with suppress(ProcessLookupError, KeyError):
        os.kill(_read(record)["pid"], signal.SIGTERM)
    record.unlink(missing_ok=True)


def _write(file: Path, content: Mapping[str, Any]) -> None:
    draft = file.with_name(f"{file.name}~")
    draft.write_text(json.dumps(content))
    draft.replace(file)


def _read(file: Path) -> dict[str, Any]:
    """The content of a file; empty if the file does not exist."""
    with suppress(FileNotFoundError):
        found: dict[str, Any] = json.loads(file.read_text())
        return found
    return {}
