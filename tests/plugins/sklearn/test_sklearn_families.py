"""Each hostile file takes effect when it is loaded without the guard, and is refused."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.plugins.sklearn.hostile_families import FAMILIES
from tests.waiting import LIMIT

from lading import InspectRequest
from lading_sklearn import lading_inspect

LOAD = """
import sys, pickle, joblib, sklearn, scipy.stats, pandas
if "plain" in sys.argv[2]:
    with open(sys.argv[1], "rb") as stream:
        pickle.load(stream)
else:
    joblib.load(sys.argv[1])  # old formats are read only by the path
"""


class Marking(BaseHTTPRequestHandler):
    """Creates the file that the server names, at each request."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.mark.touch()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[1]")

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


class Server(HTTPServer):
    mark: Path


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Marking) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/x.csv"


@pytest.mark.parametrize("family", FAMILIES)
def test_each_file_of_a_family_is_refused_and_runs_nothing(tmp_path: Path, family: str) -> None:
    mark, file = tmp_path / "it ran", tmp_path / "model.joblib"
    for name, data in FAMILIES[family](mark, "http://127.0.0.1:9/x.csv").items():
        file.write_bytes(data)
        found = lading_inspect(request=InspectRequest(file=file)).contents
        assert found is not None
        assert found.unknown or not found.complete, name
        assert found.is_pickle, name
    assert not mark.exists()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_each_file_of_a_family_takes_effect_without_the_guard(tmp_path: Path, server: Server, family: str) -> None:
    """Otherwise the other test shows nothing."""
    for name in FAMILIES[family](tmp_path / "any", url(server)):
        server.mark = tmp_path / name.replace(".", "-")
        file = tmp_path / "model.joblib"
        file.write_bytes(FAMILIES[family](server.mark, url(server))[name])
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LOAD, str(file), family],
            cwd=tmp_path,  # some files write there
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert server.mark.exists(), f"{name}: {done.stderr[-500:]}"
