from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.missing import skip_without
from tests.plugins.mlflow.mlflow_kit import Front, Observed
from tests.waiting import LIMIT

MANIFEST = """\
version: 1
name: price
train: {{plugin: constant, data: cost.txt}}
register: {{model: rate, to: [mlflow], tags: {{yard: north}}, description: a rate}}
track: [mlflow]
package: {{plugin: constant}}
connections:
  mlflow: {{tracking_uri: "{uri}", experiment: {experiment}}}
"""


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real `mlflow server` on SQLite. The first test that needs it starts it."""
    try:
        import alembic  # noqa: F401 - the server's part of mlflow
    except ImportError:
        missing = "no MLflow server: pip install mlflow"
        skip_without(missing)
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    argv += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"]
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(argv, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, folder / "server.log")
        yield port
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + LIMIT
    while True:
        try:
            with urllib.request.urlopen(url, timeout=LIMIT):
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                pytest.fail(f"the MLflow server did not start: {log.read_text()}")
            time.sleep(0.1)


@pytest.fixture
def front(mlflow_server: int) -> Iterator[Front]:
    """A proxy to the server that can lose replies."""
    front = Front(mlflow_server)
    yield front
    front.close()


@pytest.fixture
def observed(mlflow_server: int) -> Observed:
    """The content of the server, queried without the proxy."""
    return Observed(f"http://127.0.0.1:{mlflow_server}")


@pytest.fixture
def make_project(
    shell: Shell, install: Callable[[str], Path], request: pytest.FixtureRequest
) -> Callable[[str], Shell]:
    """A project with a third-party trainer, with runs and models stored on the server at that address."""

    def make_project(uri: str) -> Shell:
        shell.env |= {"PYTHONPATH": str(install("thirdparty"))}
        shell.write("lading.yaml", MANIFEST.format(uri=uri, experiment=experiment(request)))
        shell.write("cost.txt", "7")
        return shell

    return make_project


def experiment(request: pytest.FixtureRequest) -> str:
    """A separate experiment for each test."""
    return f"of-{abs(hash(request.node.nodeid))}"
