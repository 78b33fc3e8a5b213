"""The Python of a release: this one or an isolated one, with a real model or a small one."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import joblib
import pytest
from sklearn.linear_model import LinearRegression
from tests.targets.local.local_kit import LocalService, package_of, request_for
from tests.waiting import LIMIT, eventually

from lading import Candidate, Failed, Ready, Verdict
from lading_local import lading_describe
from lading_local.options import LocalOptions

WHERE = """
    import sys
    from importlib.metadata import version

    def init():
        pass

    def run(raw_data):
        return [sys.prefix, version("sortedcontainers")]
"""
SALARY = """
    import json
    import os

    import joblib
    import numpy

    def init():
        global model
        model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))

    def run(raw_data):
        data = numpy.array(json.loads(raw_data)["data"])
        return json.dumps(model.predict(data).tolist())
"""


def ask(uri: str, body: object) -> Any:
    parts = urlsplit(uri)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=LIMIT)) as connection:
        connection.request("POST", parts.path, json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        assert response.status == 200
        return json.loads(response.read())


def test_a_scikit_learn_model_is_served(service: LocalService, tmp_path: Path) -> None:
    model = LinearRegression().fit([[0], [10], [20]], [100.0, 120.0, 140.0])
    file = tmp_path / "fitted.joblib"
    joblib.dump(model, file)
    candidate = service.until(request_for(package_of(tmp_path, SALARY, file.read_bytes())), Candidate)
    (answer,) = json.loads(ask(candidate.uri, {"data": [[21]]}))
    assert answer == pytest.approx(142.0)


@pytest.mark.slow
def test_an_isolated_release_runs_in_an_environment_of_its_requirements(service: LocalService) -> None:
    package = package_of(service.root, WHERE, requirements=("sortedcontainers==2.3.0",))
    request = request_for(package, python="isolated")
    candidate = service.until(request, Candidate)
    prefix, version = ask(candidate.uri, None)
    assert Path(prefix).is_relative_to(service.context.work)
    assert [*Path(prefix).rglob("lading_serving/page.html")]
    assert version == "2.3.0"
    assert {"virtual environment", "requirements"} <= {phase for phase, _ in service.context.shown}
    service.until(replace(request, verdict=Verdict(up=True)), Ready)

    service.context.shown.clear()
    service.until(request_for(package, 2, python="isolated", workers=2), Candidate)
    assert service.context.shown == []

    service.deploy(3)
    eventually(lambda: list(service.folder.state()["releases"]) == ["3"], "the isolated release has left")
    service.deploy(4)
    assert not list(service.context.work.glob("environments/*"))


@pytest.mark.slow
def test_a_failed_installation_shows_pips_last_lines(service: LocalService) -> None:
    package = package_of(service.root, WHERE, requirements=("sortedcontainers==999",))
    failed = service.until(request_for(package, python="isolated"), Failed)
    assert failed.reason == "the installation of the requirements ended with exit code 1"
    assert "sortedcontainers==999" in failed.log
    assert not list(service.context.work.glob("environments/*"))


def test_a_cancelled_installation_leaves_no_incomplete_environment(service: LocalService) -> None:
    service.context.cancel_after = 0
    package = package_of(service.root, WHERE, requirements=("sortedcontainers==2.3.0",))
    failed = service.until(request_for(package, python="isolated"), Failed)
    assert "was stopped" in failed.reason
    assert not list(service.context.work.glob("environments/*"))


def test_a_missing_python_is_named(service: LocalService) -> None:
    package = replace(package_of(service.root, WHERE), python="3.4")
    failed = service.until(request_for(package, python="isolated"), Failed)
    assert "python 3.4" in failed.reason


def test_a_missing_extra_is_named(service: LocalService) -> None:
    code = f"""
import sys
sys.modules["httptools"] = None
from tests.targets.local.local_kit import *
try:
    request = request_for(package_of(Path({str(service.root)!r})))
    until(request, Recorder(Path({str(service.context.work)!r})), Candidate)
except Exception as error:
    print(type(error).__name__, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT)
    assert done.stdout == "PluginError pip install 'lading[local]'\n"


def test_reading_the_status_imports_nothing_heavy(service: LocalService) -> None:
    service.deploy(1)
    code = f"""
import sys
from pathlib import Path
from types import SimpleNamespace
import lading_local
status = lading_local.lading_status(SimpleNamespace(work=Path({str(service.context.work)!r})))
assert status.state == "running", status
heavy = "asyncio subprocess http.client tempfile socket httptools pydantic rich logging numpy sklearn urllib.request"
print(*[name for name in heavy.split() if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT)
    assert done.stdout.strip() == ""


def test_options_are_checked_by_their_type() -> None:
    from pydantic import TypeAdapter, ValidationError

    options = TypeAdapter(lading_describe().options)
    assert options.validate_json('{"port": 8080, "env": {"MODE": "x"}}') == LocalOptions(port=8080, env={"MODE": "x"})
    for wrong in (
        '{"port": 65536}',
        '{"port": "80"}',
        '{"workers": 0}',
        '{"python": "2"}',
        '{"env": {"A": 1}}',
        '{"x": 1}',
    ):
        with pytest.raises(ValidationError):
            options.validate_json(wrong)
