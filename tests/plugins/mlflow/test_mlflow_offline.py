"""MLflow without a server: options, a missing server, and the files for an upload."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Shell
from tests.waiting import LIMIT

from lading import Column, Distribution, RegisterRequest, Run
from lading_mlflow.contents import requirements, write_contents
from lading_mlflow.port import Notes
from lading_mlflow.tracking import keep_run

MakeProject = Callable[[str], Shell]

NOW = datetime(2026, 1, 2, tzinfo=UTC)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_bad_options_are_reported_at_their_line(make_project: MakeProject) -> None:
    shell = make_project("http://127.0.0.1:1")
    connections = """
  files: {plugin: mlflow, tracking_uri: mlruns}
  shown: {plugin: mlflow, tracking_uri: 'https://ann:pw@host'}
  empty: {plugin: mlflow, experiment: salaries}
  half: {plugin: mlflow, tracking_uri: 'http://h', username: ann}
  both: {plugin: mlflow, tracking_uri: 'http://h', token_from: T, username: a, password_from: P}
"""
    shell.write("lading.yaml", (shell.folder / "lading.yaml").read_text().rstrip() + connections)
    err = shell("check", code=2).err
    for line, problem in (
        (9, "connections.files.tracking_uri: "),
        (10, "connections.shown.tracking_uri: "),
        (11, "connections.empty.tracking_uri: missing key"),
        (12, "connections.half.username: username and password_from need each other"),
        (13, "connections.both.token_from: give a token, or"),
    ):
        assert re.search(rf"^lading\.yaml:{line}:\d+: {re.escape(problem)}", err, re.MULTILINE), (problem, err)


@pytest.mark.slow
def test_a_missing_server_is_named_and_no_run_is_begun(make_project: MakeProject) -> None:
    with socket.socket() as taken:  # bound but not listening
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        shell = make_project(uri)
        done = shell("train", code=5)
    assert f"the MLflow server at {uri} does not answer for the experiment" in done.err
    assert "run the same command again once it answers" in done.err
    assert len(done.err.splitlines()) == 3, done.err  # no text from the client itself
    assert shell("run", "list", "--json").json() == []


def test_without_the_extra_its_name_is_reported(make_project: MakeProject, tmp_path: Path) -> None:
    shell = make_project("http://127.0.0.1:1")
    (tmp_path / "mlflow.py").write_text("raise ModuleNotFoundError('No module named mlflow', name='mlflow')\n")
    shell.env["PYTHONPATH"] = f"{tmp_path}:{shell.env['PYTHONPATH']}"
    err = shell("train", code=6).err
    assert "the plugin 'mlflow' needs mlflow" in err
    assert "pip install 'lading[mlflow]'" in err


@pytest.mark.slow
def test_mlflow_is_loaded_only_for_a_command_that_uses_it_and_sends_no_telemetry() -> None:
    code = """
import os, sys
import lading_mlflow, lading_mlflow.tracking, lading_mlflow.registry
assert not {"mlflow", "requests", "joblib", "sklearn"} & sys.modules.keys()
before = dict(os.environ)
import lading_mlflow.server
from mlflow.telemetry.client import get_telemetry_client
assert get_telemetry_client() is None
assert os.environ == before
"""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=True, timeout=LIMIT, env={"PATH": "/usr/bin:/bin"}
    )


@pytest.fixture
def rate(tmp_path: Path) -> RegisterRequest:
    (tmp_path / "model.joblib").write_bytes(b"\x00never loaded")
    (tmp_path / "steps.py").write_text("STEPS = 1\n")
    return RegisterRequest(
        name="rate",
        sha256="0" * 64,
        file=tmp_path / "model.joblib",
        file_name="model.joblib",
        framework="scikit-learn",
        framework_version="1.7.2",
        python="3.11",
        columns=(Column(name="x", dtype="float64"), Column(name="port", dtype="object")),
        label=Column(name="y", dtype="int64"),
        modules=(tmp_path / "steps.py",),
        distributions={
            "scikit-learn": Distribution(
                version="1.7.2", requires=("numpy>=1", "scipy", "pytest; extra == 'tests'", "joblib>=1.2")
            ),
            "numpy": Distribution(version="2.4.0"),
            "joblib": Distribution(version="1.6.0"),
            "pytest": Distribution(version="9.0"),
        },
    )


def test_the_layout_for_mlflow(rate: RegisterRequest, tmp_path: Path) -> None:
    folder = tmp_path / "laid"
    folder.mkdir()
    write_contents(folder, rate, "r1")
    model = yaml.safe_load((folder / "MLmodel").read_text())
    flavor = model["flavors"]["python_function"]
    assert (folder / flavor["data"]).read_bytes() == b"\x00never loaded"
    assert (folder / flavor["code"] / f"{flavor['loader_module']}.py").is_file()
    assert (folder / flavor["code"] / "steps.py").read_text() == "STEPS = 1\n"
    assert "'type': 'double'" in str(yaml.safe_load(model["signature"]["inputs"]))
    pins = (folder / "requirements.txt").read_text().splitlines()
    assert pins == ["mlflow", "scikit-learn==1.7.2", "numpy==2.4.0", "joblib==1.6.0"]
    conda = yaml.safe_load((folder / "conda.yaml").read_text())
    assert conda["dependencies"] == ["python=3.11", "pip", {"pip": pins}]


def test_a_framework_that_mlflow_cannot_load_here_is_stored_as_a_file(rate: RegisterRequest, tmp_path: Path) -> None:
    from dataclasses import replace

    folder = tmp_path / "laid"
    folder.mkdir()
    write_contents(folder, replace(rate, framework="constant", columns=(Column(name="x", dtype="complex128"),)), "r1")
    model = yaml.safe_load((folder / "MLmodel").read_text())
    assert list(model["flavors"]) == ["lading"]
    assert "signature" not in model
    assert requirements(replace(rate, framework="constant")) == ("mlflow",)


class Notebook:
    """A server in memory that records the requests of one run."""

    def __init__(self) -> None:
        self.noted: Notes | None = None

    def find_run(self, tag: str, value: str) -> str:
        return "r1"

    def note(self, run: str, notes: Notes, at: datetime) -> None:
        self.noted = notes

    def end_run(self, run: str, status: str, ended: datetime) -> None:
        pass


@given(st.dictionaries(st.text(), _JSON, max_size=4), st.dictionaries(st.text(), _JSON, max_size=4))
def test_any_output_of_a_trainer_is_sent_in_a_form_that_a_server_accepts(
    parameters: dict[str, Any], metrics: dict[str, Any]
) -> None:
    server = Notebook()
    run = Run(id="r", name="price", state="finished", started=NOW, ended=NOW, parameters=parameters, metrics=metrics)
    keep_run(server, run)  # type: ignore[arg-type]  # all that is asked of a server
    assert server.noted is not None
    for kind in server.noted:
        for name in kind:
            assert re.fullmatch(r"[\w\-. ]{1,250}", name), name
            assert not name.startswith("."), name
    assert all(isinstance(value, float) and value == value for value in server.noted.metrics.values())
    assert all(len(value) <= 6000 for value in server.noted.parameters.values())
