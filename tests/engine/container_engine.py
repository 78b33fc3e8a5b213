"""A container engine for tests, a base image, wheels and a registry: fixtures for all tests.

If DOCKER_HOST is set, that engine is used. Otherwise one engine is started for all test processes of this machine. The
last of these processes stops it. Its data stays in a folder, so the next run finds its base image and build cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.missing import skip_without
from tests.waiting import LIMIT, eventually

FOLDER = Path("/tmp") / f"lading-engine-{os.getuid()}"  # the path of a socket can have at most 107 characters
BASE = "lading-test/python:3.11"
BASE_PACKAGES = (
    "base-files,libc6,python3,libpython3-stdlib,ca-certificates,dash,coreutils,zlib1g,libgcc-s1,libstdc++6,libgomp1,"
    "openssl"
)
_REGISTRY = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
log: {{level: error}}
"""


@dataclass(frozen=True)
class ContainerEngine:
    """An engine: its DOCKER_HOST, and the parts for building images without an index."""

    host: str
    base: str
    wheels: Path

    def docker(self, *argv: str) -> str:
        """The output of the docker command."""
        env = {**os.environ, "DOCKER_HOST": self.host}
        done = subprocess.run(["docker", *argv], env=env, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout.strip()

    def fetch(self, *requirements: str) -> Path:
        """The folder of wheels, with the wheels of more pinned requirements."""
        with alone("prepare"):
            ensure_wheels(self.wheels, *requirements)
        return self.wheels


@pytest.fixture(scope="session")
def container_engine() -> Iterator[ContainerEngine]:
    with engine_for_tests() as engine:
        yield engine


@contextmanager
def engine_for_tests() -> Iterator[ContainerEngine]:
    """The engine, with a base image of Python 3.11, and the wheels of pip and of the scoring server's requirements."""
    if sys.version_info[:2] != (3, 11):
        skip_without("the base image of these tests has Python 3.11, and this is another")
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    with _host() as host:
        engine = ContainerEngine(host, BASE, FOLDER / "wheels")
        with alone("prepare"):
            ensure_base(engine)
            ensure_wheels(engine.wheels, "httptools", "pip", "prometheus-client")
        yield engine


@pytest.fixture(scope="session")
def image_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty registry on this machine."""
    need("docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "config.yml"
    config.write_text(_REGISTRY.format(folder=folder / "data", port=port), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
    try:
        eventually(lambda: _answers(f"http://127.0.0.1:{port}/v2/"), "the registry comes up")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(LIMIT)


@contextmanager
def _host() -> Iterator[str]:
    """The address of a running engine. If it was started for this test, its last user stops it."""
    given = os.environ.get("DOCKER_HOST")
    if given:
        need("docker")
        if subprocess.run(["docker", "version"], capture_output=True, timeout=LIMIT, check=False).returncode != 0:
            skip_without(f"no engine answers at DOCKER_HOST={given}")
        yield given
        return
    if os.getuid() != 0:
        skip_without("no DOCKER_HOST is set, and only root can start an engine")
    for program in ("docker", "dockerd", "iptables"):
        need(program)
    with (FOLDER / "users").open("w") as users:
        with alone("start"):
            fcntl.flock(users, fcntl.LOCK_SH)
            _start()
        try:
            yield f"unix://{FOLDER}/docker.sock"
        finally:
            with alone("start"):
                _stop_unless_used(users.fileno())


def _start() -> None:
    if _pid() is not None:
        return
    places = f"-H unix://{FOLDER}/docker.sock --data-root {FOLDER}/data --exec-root {FOLDER}/exec -p {FOLDER}/pid"
    (FOLDER / "pid").unlink(missing_ok=True)
    # the new process has no parent here, because it can outlive the test process
    subprocess.run(["sh", "-c", f"setsid dockerd {places} > {FOLDER}/log 2>&1 < /dev/null &"], check=True)
    try:
        eventually(lambda: answers_docker(f"unix://{FOLDER}/docker.sock"), "the engine starts", 60)
    except AssertionError:
        skip_without(f"dockerd does not start here: {(FOLDER / 'log').read_text().splitlines()[-1:]}")


def _stop_unless_used(users: int) -> None:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    pid = _pid()
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: _pid() is None, "the engine ends")


def _pid() -> int | None:
    """The process of the engine that we started; None if it has exited."""
    try:
        pid = int((FOLDER / "pid").read_text())
        return pid if b"dockerd" in Path(f"/proc/{pid}/cmdline").read_bytes() else None
    except (OSError, ValueError):
        return None


def ensure_base(engine: ContainerEngine) -> None:
    if engine.docker("images", "-q", BASE):
        return
    tar = FOLDER / "base.tar"
    if not tar.exists():
        need("mmdebstrap")
        making = tar.with_suffix(".part")
        command: list[str | Path] = [
            "mmdebstrap",
            "--variant=extract",
            f"--include={BASE_PACKAGES}",
            "--format=tar",
            "bookworm",
            making,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            skip_without(f"mmdebstrap could not make a base image: {done.stderr[-300:]}")
        making.rename(tar)
    engine.docker("import", str(tar), BASE)


def ensure_wheels(folder: Path, *requirements: str) -> Path:
    folder.mkdir(exist_ok=True)
    done = folder / f"{hashlib.sha256(str(requirements).encode()).hexdigest()}.done"
    if not done.exists():
        pip: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            folder,
        ]
        subprocess.run([*pip, *requirements], check=True, capture_output=True, timeout=600)
        done.touch()
    return folder


def need(program: str) -> None:
    if shutil.which(program) is None:
        skip_without(f"{program} is missing")


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Run one action in one process at a time."""
    with (FOLDER / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=LIMIT):
            return True
    except OSError:
        return False


def answers_docker(host: str) -> bool:
    asked = ["docker", "-H", host, "version"]
    return subprocess.run(asked, capture_output=True, timeout=LIMIT, check=False).returncode == 0
