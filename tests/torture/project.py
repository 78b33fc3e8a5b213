"""A project that serves salaries, its commands, and its state as seen from outside."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lading.store.report import grant_trust

from .builds import Build

ROOT = Path(__file__).parents[2]
SMALL_PROJECT = Path(__file__).with_name("small_project")
SERVICE = 3  # processes of a service with one worker: the keeper, the supervisor and the worker
SALARY = 141760.56910569107  # after 21 years
LINE = 141769.52380952382  # the same, from the small model
REQUEST = b'{"data": [[21]]}'
LIMIT = 120.0  # time limit of a command in seconds, on a busy machine


@dataclass(frozen=True)
class Project:
    """A folder with a manifest, its data and a store."""

    build: Build
    folder: Path

    @classmethod
    def make(cls, build: Build, folder: Path) -> Project:
        """The salary project of this repository."""
        for name in ("manifests/salary.yaml", "data/sal.csv"):
            (folder / name).parent.mkdir(parents=True)
            shutil.copy(ROOT / name, folder / name)
        return cls(build, folder)

    @classmethod
    def quick(cls, build: Build, folder: Path) -> Project:
        """A salary project without library imports, for hundreds of deploys."""
        project = cls.make(build, folder)
        shutil.copytree(SMALL_PROJECT, project.manifest.parent, dirs_exist_ok=True)
        return project

    def copy(self, folder: Path) -> Project:
        """Another project in the same state, with nothing running."""
        shutil.copytree(self.folder, folder)
        return Project(self.build, folder).trusted()

    def trusted(self) -> Project:
        """The same project, with its store trusted at its path."""
        if self.store.exists():
            grant_trust(self.store, os.environ)
        return self

    @property
    def manifest(self) -> Path:
        return self.folder / "manifests" / "salary.yaml"

    @property
    def store(self) -> Path:
        return self.folder / ".lading"

    def command(self, *argv: str) -> list[str]:
        return [str(self.build.lading), *argv, str(self.manifest)]

    def environment(self) -> dict[str, str]:
        return {**self.build.environment(), "LADING_STORE": str(self.store)}

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start a command, and leave it running."""
        return subprocess.Popen(
            self.command(*argv),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*argv),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def revise(self, revision: int) -> None:
        """Change a quick project so that it trains another model with the same predictions."""
        text = self.manifest.read_text(encoding="utf-8")
        self.manifest.write_text(re.sub(r"revision: \d", f"revision: {revision}", text), encoding="utf-8")

    def processes(self) -> list[int]:
        """All processes that run in the folder or have it on their command line."""
        return [pid for pid, traits in _processes() if str(self.folder).encode() in traits]

    @property
    def work(self) -> Path:
        """The control folder of the service's supervisor."""
        return next((self.store / "work" / "deployments").glob("*/*"))

    @property
    def is_begun(self) -> bool:
        """Whether the target ever received a request."""
        return any((self.store / "work" / "deployments").glob("*/*/desired.json"))

    def describe(self) -> str:
        return "; ".join(_command(pid) for pid in self.processes())

    def end(self) -> None:
        """Kill all remaining processes."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def parent(pid: int) -> int:
    """The parent of a process; 0 if the process has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def answers(uri: str) -> bool:
    """Whether the service of a quick project responds with the salary on a new connection."""
    parts = urlsplit(uri)
    with suppress(OSError, HTTPException, ValueError), closing(HTTPConnection(parts.netloc, timeout=10)) as connection:
        connection.request("POST", parts.path, REQUEST, {"content-type": "application/json"})
        found: Any = json.loads(connection.getresponse().read())
        return isinstance(found, list) and len(found) == 1 and abs(found[0] / LINE - 1) < 1e-9
    return False


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Whether a condition became true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _processes() -> Iterator[tuple[int, bytes]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):  # it has ended, or belongs to another user
                cwd = bytes(entry.joinpath("cwd").readlink())
                yield (
                    int(entry.name),
                    b"\n".join((cwd, (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes())),
                )


def _command(pid: int) -> str:
    with suppress(OSError):
        return f"{pid} " + Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return f"{pid}"
