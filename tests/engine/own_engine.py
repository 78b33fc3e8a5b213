"""An engine for one test alone, which the test may restart. The other tests share another one."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from container_engine import BASE, FOLDER, ContainerEngine, alone, answers_docker, ensure_base, ensure_wheels, need
from tests.missing import skip_without
from tests.waiting import LIMIT, eventually

NETWORK = "172.29.137.1/24"  # of its bridge; the shared engine has docker0


class OwnEngine:
    """A `dockerd` with separate folders, a separate bridge and without rules of the firewall."""

    def __init__(self, folder: Path, bridge: str) -> None:
        self.folder, self._bridge = folder, bridge
        self.host = f"unix://{folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
        places = [f"{option}={self.folder / name}" for option, name in options.items()]
        network = ("--bridge", self._bridge, "--iptables=false", "--ip6tables=false")
        with (self.folder / "log").open("ab") as log:
            command = ["dockerd", "-H", self.host, *places, *network]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            eventually(lambda: answers_docker(self.host), "the engine starts", 60)
        except AssertionError:
            self.stop()
            skip_without(f"dockerd does not start here: {(self.folder / 'log').read_text().splitlines()[-1:]}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(LIMIT)


@contextmanager
def own_engine() -> Iterator[tuple[OwnEngine, ContainerEngine]]:
    """A running engine with the base image, and the tools of a test for it."""
    if os.getuid() != 0 or os.environ.get("DOCKER_HOST"):
        skip_without("only root can start an engine, and it does so if no DOCKER_HOST is set")
    for program in ("docker", "dockerd", "ip"):
        need(program)
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    bridge = f"lading{secrets.token_hex(3)}"
    _run("ip", "link", "add", "name", bridge, "type", "bridge")
    try:
        _run("ip", "address", "add", NETWORK, "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
            engine = OwnEngine(Path(folder), bridge)
            engine.start()
            try:
                tools = ContainerEngine(engine.host, BASE, FOLDER / "wheels")
                with alone("prepare"):
                    ensure_base(tools)
                    ensure_wheels(tools.wheels, "httptools", "pip")
                yield engine, tools
            finally:
                _remove_containers(engine.host)
                engine.stop()
    finally:
        _run("ip", "link", "delete", bridge)


def _remove_containers(host: str) -> None:
    """Remove all containers: their file systems would stay mounted in the folder."""
    docker = ("docker", "-H", host)
    found = subprocess.run([*docker, "ps", "-aq"], capture_output=True, text=True, timeout=LIMIT, check=False)
    if found.stdout.split():
        subprocess.run([*docker, "rm", "-f", *found.stdout.split()], capture_output=True, timeout=LIMIT, check=False)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(command)}: {done.stderr.strip()}")
