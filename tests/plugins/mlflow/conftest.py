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
from tests.missing import skip_without
from tests.waiting import LIMIT

sys.path.insert(0, str(Path(__file__).parent))  # for mlflow_kit

from mlflow_kit import Front, Observed
from tests.conftest import Shell

MANIFEST = """\
version: 1
name: ferry
train: {{plugin: crane, data: tons.txt}}
register: {{model: hull, to: [mlflow], tags: {{yard: north}}, description: a hull}}
track: [mlflow]
package: {{plugin: crane}}
connections:
  mlflow: {{tracking_uri: "{uri}", experiment: {experiment}}}
"""


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real `mlflow server` on SQLite; started for the first test that needs it."""
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
    """A way to the server on which replies can be lost."""
    front = Front(mlflow_server)
    yield front
    front.close()


@pytest.fixture
def observed(mlflow_server: int) -> Observed:
    """What the server has, asked past the front."""
    return Observed(f"http://127.0.0.1:{mlflow_server}")


@pytest.fixture
def ferry(shell: Shell, install: Callable[[str], Path], request: pytest.FixtureRequest) -> Callable[[str], Shell]:
    """A project over a stranger's trainer, with runs and models kept at the server of that address."""

    def ferry(uri: str) -> Shell:
        shell.env |= {"PYTHONPATH": str(install("harbour"))}
        shell.write("lading.yaml", MANIFEST.format(uri=uri, experiment=experiment(request)))
        shell.write("tons.txt", "7")
        return shell

    return ferry


def experiment(request: pytest.FixtureRequest) -> str:
    """An experiment of each test's own."""
    return f"of-{abs(hash(request.node.nodeid))}"
