"""A real supervisor with real workers, a client for them, and cleanup of all processes."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import LIMIT, eventually

from lading_serving.control import NOTHING, ControlFolder, ReleaseState
from lading_serving.spec import Limits, ReleaseSpec, sha256_of

ECHO = """
    import json

    def init():
        pass

    def run(raw_data):
        return json.loads(raw_data)
"""
NAMED = """
    import os

    def init():
        pass

    def run(raw_data):
        return os.environ["SERVICE_VERSION"]
"""
FATAL = """
    import os, signal

    def init():
        pass

    def run(raw_data):
        os.kill(os.getpid(), signal.SIGKILL)
"""
MODEL = b"a model"
_GRACE_PERIOD = 5.0  # seconds before remaining processes of a test are killed
HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def cpu_ticks(pid: int) -> int:
    """The CPU time that a process has used, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def processes() -> dict[int, str]:
    """The command lines of all processes that are not zombies, by pid."""
    done = subprocess.run(["ps", "-Awwo", "pid=,stat=,command="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in done.stdout.splitlines()]
    return {int(row[0]): row[2] for row in rows if len(row) == 3 and not row[1].startswith("Z")}


class Service:
    """A service in its own folder."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.folder = ControlFolder(path)

    def add(self, number: int, script: str = ECHO, env: dict[str, str] | None = None, **options: Any) -> ReleaseSpec:
        home = self.folder.release(number)
        (home / "azureml-app").mkdir(parents=True)
        (home / "azureml-app" / "score.py").write_text(textwrap.dedent(script))
        (home / "model.bin").write_bytes(MODEL)
        spec = ReleaseSpec(
            number=number,
            python=sys.executable,
            folder=str(home),
            env={
                "PATH": os.environ["PATH"],
                "AML_APP_ROOT": str(home),
                "AZUREML_SOURCE_DIRECTORY": "azureml-app",
                "AZUREML_ENTRY_SCRIPT": "azureml-app/score.py",
                "HTTP_X_MS_SERVER_VERSION": "lading/test",
                **(env or {}),
            },
            model_file=str(home / "model.bin"),
            model_sha256=hashlib.sha256(MODEL).hexdigest(),
        )
        spec = replace(spec, **{"limits": Limits(linger=0.5), **options})
        spec.write(self.folder.spec(number))
        return spec

    def script_folder(self, number: int) -> Path:
        """The working directory of a release's script."""
        return self.folder.release(number) / "azureml-app"

    def start(self) -> None:
        argv = [sys.executable, "-P", "-m", "lading_serving.supervisor", str(self.folder.path)]
        subprocess.run(argv, check=True, timeout=LIMIT)
        self.hand()

    def hand(self) -> None:
        """Send the supervisor the data that it needs to start any release of this service."""
        specs = {path.stem: sha256_of(path.read_bytes()) for path in self.folder.releases.glob("[0-9]*.json")}
        self.folder.hand({"values": {}, "specs": specs})

    def desire(self, serving: int | None = None, candidate: int | None = None, **canary: Any) -> None:
        """Change the desired state. `canary` are its keys for a canary."""
        self.hand()
        self.folder.desire({**NOTHING, "serving": serving, "candidate": candidate, **canary})  # type: ignore[typeddict-item]
        if not self.folder.is_supervised():
            self.start()

    def serve(self, number: int = 1, script: str = ECHO, env: dict[str, str] | None = None, **options: Any) -> str:
        """Let a new release serve, and return its address."""
        self.add(number, script, env, **options)
        self.desire(serving=number)
        return self.until(number, "serving")["public_uri"]

    def release(self, number: int) -> ReleaseState | None:
        return self.folder.state()["releases"].get(str(number))

    def until(self, number: int, phase: str) -> ReleaseState:
        def found() -> ReleaseState | None:
            release = self.release(number)
            return release if release and release["phase"] == phase else None

        return eventually(found, f"release {number} is {phase}")

    def until_gone(self, number: int) -> None:
        eventually(lambda: self.release(number) is None, f"release {number} is gone")

    def until_restarted(self, number: int, times: int) -> None:
        def restarted() -> bool:
            release = self.release(number)
            return release is not None and (release["restarts"], release["phase"]) == (times, "serving")

        eventually(restarted, f"release {number} serves again after {times} restarts")

    def pid(self) -> int:
        return int(eventually(lambda: self.folder.state()["pid"], "the supervisor has a pid"))

    def workers(self) -> list[int]:
        """The pids of all workers of this service, even if their supervisor is dead."""
        ours = [
            pid
            for pid, line in processes().items()
            if "lading_serving.worker" in line and str(self.folder.releases) in line
        ]
        return sorted(ours)

    def log(self, number: int) -> str:
        return self.folder.log(number).read_text()

    def stop(self) -> None:
        if not self.folder.path.exists():
            return
        supervised = self.folder.is_supervised()
        self.folder.desire(NOTHING)
        try:
            eventually(lambda: not self.folder.is_supervised(), "the supervisor leaves", _GRACE_PERIOD)
        except AssertionError:
            with suppress(ProcessLookupError):  # it has just left
                os.kill(self.folder.state()["pid"], signal.SIGKILL)
        for pid in self.workers() if supervised else []:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Answer:
    """A response, as a client receives it. The names in `headers` are lower case."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.body = response.read()
        self.pairs = [(name.lower(), value) for name, value in response.getheaders()]
        self.headers = dict(self.pairs)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    uri: str, body: bytes | None = b"{}", method: str = "POST", headers: dict[str, str] | None = None, path: str = ""
) -> Answer:
    """Send one request to a scoring URI, or to another path of its server."""
    parts = urlsplit(uri)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=LIMIT)) as connection:
        sent = {"content-type": "application/json"} if headers is None else headers
        connection.request(method, path or parts.path, body, sent)
        return Answer(connection.getresponse())


def connect(uri: str) -> socket.socket:
    parts = urlsplit(uri)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=LIMIT)


def read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def exchange(uri: str, data: bytes) -> bytes:
    """Send bytes, and read until the server closes the connection."""
    with connect(uri) as sock:
        sock.sendall(data)
        return read_all(sock)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
