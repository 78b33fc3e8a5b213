"""Runs and models on a real MLflow server: logged, found again, and never doubled."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.dummy import DummyRegressor
from tests.conftest import Shell
from tests.plugins.mlflow.mlflow_kit import Front, Observed, Rule
from tests.waiting import LIMIT

MakeProject = Callable[[str], Shell]
pytestmark = pytest.mark.slow  # the start of the server alone takes seconds

PREDICT = """
import json, sys, mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
answer = list(model.predict(pandas.DataFrame({"x": [21]})))
print(json.dumps({"answer": answer, "types": model.metadata.get_input_schema().to_dict()}))
"""


def the_run(shell: Shell) -> dict[str, Any]:
    (run,) = shell("run", "list", "--json").json()
    return dict(run)


def in_salary(salary: Shell, uri: str) -> Path:
    """The salary manifest, with MLflow added."""
    file = salary.folder / "manifests" / "salary.yaml"
    text = file.read_text()
    text = text.replace("  model: sal_model\n", "  model: sal_model\n  to: [mlflow]\n", 1)
    text = text.replace(
        "connections:\n", f"connections:\n  mlflow: {{tracking_uri: '{uri}', experiment: salaries}}\n", 1
    )
    file.write_text(text + "\ntrack: [mlflow]\n")
    return file


def test_the_whole_salary_manifest(salary: Shell, front: Front, observed: Observed) -> None:
    manifest = in_salary(salary, front.uri)
    salary.env["LADING_STORE"] = str(salary.folder / ".lading")
    done = salary("deploy", manifest)
    assert done.out.startswith("http://")
    assert "🏃" not in done.err
    ours = the_run(salary)
    (run,) = observed.runs(str(ours["id"]))
    assert (run["status"], run["run_name"]) == ("FINISHED", ours["id"])
    assert run["params"]["estimator"] == "sklearn.linear_model.LinearRegression"
    assert run["params"]["test_size"] == "0.25"
    assert run["metrics"] == ours["metrics"]
    assert {"intercept", "coef_x", "r2"} <= run["metrics"].keys()
    assert (
        run["tags"]["lading.input.data_sal.csv"]
        == hashlib.sha256((salary.folder / "data" / "sal.csv").read_bytes()).hexdigest()
    )
    assert 0 < int(run["start_time"]) < int(run["end_time"])
    (tracked,) = ours["tracked"]
    assert tracked["url"] == f"{front.uri}/#/experiments/{run['experiment_id']}/runs/{run['run_id']}"

    (version,) = observed.versions("sal_model")
    (model,) = salary("model", "list", "--json").json()
    assert (version["run_id"], version["status"]) == (run["run_id"], "READY")
    assert version["tags"] == {"key": "1", "lading.sha256": model["sha256"], "lading.version": "sal_model:1"}
    assert version["description"] == "Salary prediction"
    (reference,) = model["references"]
    assert reference["url"] == f"{front.uri}/#/models/sal_model/versions/1"
    stored = observed.artifact(version["source"], model["file_name"])
    assert hashlib.sha256(stored).hexdigest() == model["sha256"]
    told = loaded(front.uri, "models:/sal_model/1")
    assert told["answer"] == pytest.approx([141760.56910569107])
    assert told["types"] == [{"type": "long", "name": "x", "required": True}]

    before = list(front.seen)
    salary("deploy", manifest)
    salary("register", manifest)
    assert front.seen == before  # there is nothing to do, so the server is not even queried
    (salary.folder / ".lading").rename(salary.folder / "lost")
    salary("register", manifest)  # a machine without our store: another run, but the same version for the same model
    assert [v["version"] for v in observed.versions("sal_model")] == ["1"]


def loaded(uri: str, model: str) -> dict[str, object]:
    """The registered model as MLflow loads it, in a separate process."""
    argv = [sys.executable, "-W", "ignore", "-c", PREDICT, uri, model]
    finished = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=LIMIT)
    assert finished.returncode == 0, finished.stderr
    return dict(json.loads(finished.stdout.splitlines()[-1]))


def test_a_finished_model_has_a_separate_run_and_is_registered_once(
    shell: Shell, front: Front, observed: Observed
) -> None:
    joblib.dump(DummyRegressor().fit([[0]], [7]), shell.folder / "model.joblib")
    for folder in ("a", "b"):
        file = shell.write(
            f"{folder}/lading.yaml",
            "version: 1\nname: kept\nregister: {model: kept, file: ../model.joblib, to: [mlflow]}\n"
            f"connections: {{mlflow: {{tracking_uri: '{front.uri}'}}}}\n",
        )
        shell("register", file, "--store", shell.folder / f"{folder}-store")
    (version,) = observed.versions("kept")
    assert observed.artifact(version["source"], "model.joblib") == (shell.folder / "model.joblib").read_bytes()
    assert front.made("runs") == front.made("model-versions") == 1


def test_an_earlier_run_is_logged_from_its_record(make_project: MakeProject, front: Front, observed: Observed) -> None:
    shell = make_project(front.uri)
    with_server = (shell.folder / "lading.yaml").read_text()
    shell.write("lading.yaml", re.sub(r"track: .*\n", "", with_server).replace(", to: [mlflow]", ""))
    shell("train")
    assert front.seen == []
    shell.write("lading.yaml", with_server)
    assert "logged to mlflow" in shell("train").err
    (run,) = observed.runs(str(the_run(shell)["id"]))
    assert (run["status"], run["metrics"]) == ("FINISHED", {"cost": 7.0})


def test_a_failed_run_is_marked_with_its_error(make_project: MakeProject, front: Front, observed: Observed) -> None:
    shell = make_project(front.uri)
    shell.write("cost.txt", "-1")
    shell("train", code=2)
    (run,) = observed.runs(str(the_run(shell)["id"]))
    assert run["status"] == "FAILED"
    assert run["tags"]["lading.error"] == "cost.txt: -1.0 is below zero"
    assert run["params"] == {"data": "cost.txt"}


@pytest.mark.parametrize("lost", ["runs/create", "runs/log-batch", "runs/update", "experiments/create"])
def test_a_lost_reply_while_logging_leaves_one_run_each(
    make_project: MakeProject, front: Front, observed: Observed, lost: str
) -> None:
    shell = make_project(front.uri)
    front.rules = [Rule(lost, None)]
    shell("train", code=None)  # the client may retry requests that can be repeated
    shell("train")
    ours = shell("run", "list", "--json").json()
    assert ours[0]["state"] == "finished"
    for run in ours:
        (theirs,) = observed.runs(run["id"])
        assert theirs["status"] == run["state"].upper()


@pytest.mark.parametrize("lost", ["model-versions/create", "registered-models/create", "mlflow-artifacts"])
def test_a_lost_reply_while_registering_leaves_one_version(
    make_project: MakeProject, front: Front, observed: Observed, lost: str
) -> None:
    shell = make_project(front.uri)
    model = f"rate-{lost.partition('/')[0]}"
    shell.write("lading.yaml", (shell.folder / "lading.yaml").read_text().replace("model: rate", f"model: {model}"))
    front.rules = [Rule(lost, None)]
    first = shell("register", code=None)
    if lost == "model-versions/create":
        assert first.code == 5
        assert f"the MLflow server at {front.uri} does not answer for the model registry" in first.err
    shell("register")
    (version,) = observed.versions(model)
    assert (version["version"], version["status"]) == ("1", "READY")


def test_a_server_that_stops_and_returns(make_project: MakeProject, front: Front, observed: Observed) -> None:
    shell = make_project(front.uri)
    shell.write("lading.yaml", (shell.folder / "lading.yaml").read_text().replace("model: rate", "model: away"))
    front.rules = [Rule("model-versions", 503, times=99)]
    done = shell("register", code=5)
    assert f"the MLflow server at {front.uri} does not answer for the model registry" in done.err
    assert "run the same command again" in done.err
    front.rules.clear()
    assert "train: unchanged" in shell("register").err
    assert len(observed.versions("away")) == 1
    assert front.made("runs") == 1


@pytest.mark.parametrize(
    ("part", "status", "code", "message"),
    [
        ("experiments", 401, 6, "does not accept the credentials (401)"),
        ("experiments", 403, 6, "does not allow this user the experiment (403)"),
        ("runs/create", 403, 6, "does not allow this user a run (403)"),
        ("model-versions/search", 404, 6, "has no model registry"),
        ("runs/create", 500, 5, "does not answer for a run: "),
    ],
)
def test_unusual_answers_of_a_server(
    make_project: MakeProject, front: Front, part: str, status: int, code: int, message: str
) -> None:
    front.rules = [Rule(part, status, times=99)]
    assert f"the MLflow server at {front.uri} {message}" in make_project(front.uri)("register", code=code).err


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ("token_from: MLFLOW_KEY", "Bearer s3cr3t"),
        ("username: ann, password_from: MLFLOW_KEY", "Basic YW5uOnMzY3IzdA=="),
    ],
)
def test_credentials_go_to_the_server_and_nowhere_else(
    make_project: MakeProject, front: Front, options: str, header: str
) -> None:
    shell = make_project(front.uri)
    text = (shell.folder / "lading.yaml").read_text()
    shell.write("lading.yaml", text.replace(", experiment:", f", {options}, experiment:").replace("rate", "signed"))
    shell.env["MLFLOW_TRACKING_TOKEN"] = "another"
    front.rules = [Rule("model-versions/create", 400)]
    done = shell("register", code=6, MLFLOW_KEY="s3cr3t")
    assert set(front.headers) == {header}
    assert "so said the front to " in done.err  # a server that returns the request in its answer
    assert not any(secret in done.out + done.err for secret in ("s3cr3t", header))
    for file in (shell.folder / ".lading").rglob("*"):
        assert not file.is_file() or b"s3cr3t" not in file.read_bytes(), file
    assert "the environment variable MLFLOW_KEY is not set" in shell("register", code=2).err
