"""Golden requests recorded from the training data: a deployment must give the same answers as the trained model."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Shell

from lading import ManifestError, check

SALARY = """\
version: 1
name: salary-svc
train:
  data: sal.csv
  features: [x]
  label: y
  estimator: sklearn.linear_model.LinearRegression
package: {samples: {record: 5}, environment: {conda: [scikit-learn]}}
"""
TOWNS = """\
version: 1
name: towns
train:
  data: towns.csv
  features: [town, rooms]
  label: rent
  steps:
    - name: encode
      estimator: sklearn.compose.ColumnTransformer
      params: {transformers: [[town, {estimator: sklearn.preprocessing.OneHotEncoder}, [town]]], remainder: passthrough}
    - {name: fit, estimator: sklearn.linear_model.LinearRegression}
package: {samples: {record: 100}}
"""
# JSON in a string, like the tutorial's script
SCORE = """\
import json, os, pathlib, joblib
def init():
    global model
    model = joblib.load(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).iterdir()))
def run(raw_data):
    return json.dumps((model.predict(json.loads(raw_data)["data"]) * FACTOR).tolist())
"""


@pytest.fixture
def salary(shell: Shell) -> Shell:
    shell.write("lading.yaml", SALARY)
    shell.write("sal.csv", "x,y\n" + "".join(f"{x},{3 * x + 7}\n" for x in range(21)))
    return shell


def records(shell: Shell, table: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(shell.folder / ".lading" / "store.db")) as database:
        return [json.loads(row) for (row,) in database.execute(f"SELECT record FROM {table}")]


@pytest.mark.slow
def test_rows_spread_over_the_data_must_be_answered_by_a_deployment(salary: Shell) -> None:
    salary("deploy")
    (model,) = records(salary, "models")
    assert [sample["request"] for sample in model["samples"]] == [{"data": [[x]]} for x in (0, 5, 10, 15, 20)]
    assert [sample["response"] for sample in model["samples"]] == [
        [pytest.approx(3 * x + 7)] for x in (0, 5, 10, 15, 20)
    ]
    (release,) = records(salary, "releases")
    assert release["golden_requests"] == model["samples"]

    # A script that answers like the tutorial's gets the same requests. A script with wrong answers does not start.
    script = SALARY.replace("package: {", "package: {scoring_script: score.py, ")
    salary.write("lading.yaml", script)
    salary.write("score.py", SCORE.replace("FACTOR", "1"))
    salary("deploy")
    salary.write("score.py", SCORE.replace("FACTOR", "1.001"))
    failed = salary("deploy", code=8)
    assert "golden request 1 (" in failed.err
    assert "): response[0] is 7.00" in failed.err
    assert "off by 0.001 of it" in failed.err
    assert json.loads(json.loads(salary("score", "-d", '{"data": [[1]]}').out)) == [pytest.approx(10)]
    assert salary("rollback", "--json").json()["release"] == 4  # it answered the requests of release 1


OWN = """\
import json, os, pathlib, joblib
def init():
    global model
    model = joblib.load(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).iterdir()))
def run(raw_data):
    rows = json.loads(raw_data)["data"]
    return {"salary": [round(FACTOR * salary, 3) for salary in model.predict(rows).tolist()]}
"""


@pytest.mark.slow
def test_a_script_of_the_users_own_records_its_own_answers(salary: Shell) -> None:
    script = SALARY.replace("package: {", "package: {scoring_script: score.py, ")
    second = "targets: {local: {port: 0}, b: {plugin: local, port: 0, service_name: salary-b}}\n"
    salary.write("lading.yaml", script + second)
    salary.write("score.py", OWN.replace("FACTOR", "2"))
    assert salary("deploy", "--target", "local", "--json").json()["deployments"][0]["asked"] is True
    assert salary("deploy", "--target", "b", "--json").json()["deployments"][0]["asked"] is True
    here, there = records(salary, "releases")
    assert [sample["request"] for sample in here["golden_requests"]] == [{"data": [[x]]} for x in (0, 5, 10, 15, 20)]
    assert here["golden_requests"][1]["response"] == {"salary": [44.0]}
    assert there["golden_requests"] == here["golden_requests"]

    # Other values of the same form are refused, until they are recorded on purpose.
    salary.write("score.py", OWN.replace("FACTOR", "3"))
    failed = salary("deploy", code=8)
    assert "response.salary[0] is 21.0, expected 14.0" in failed.err
    assert "`lading deploy --force` records it" in failed.err
    assert salary("score", "-d", '{"data": [[0]]}').json() == {"salary": [14.0]}
    salary("deploy", "--force")
    assert salary("score", "-d", '{"data": [[0]]}').json() == {"salary": [21.0]}

    # Another form is recorded as it is. A script that takes no rows is refused with the way out.
    salary.write("score.py", OWN.replace("salary", "pay").replace("FACTOR", "3"))
    salary("deploy")
    salary.write("score.py", OWN.replace('["data"]', '["rows"]').replace("FACTOR", "3"))
    salary.fails = True
    assert "takes other requests than rows of the training data, write a list" in salary("deploy", code=8).err
    salary("delete", "--target", "b")


@pytest.mark.slow
def test_another_number_trains_again_and_the_plan_reports_it(salary: Shell) -> None:
    salary("register")
    salary.write("lading.yaml", SALARY.replace("record: 5", "record: 2"))
    (train, *_) = salary("plan", "--json").json()["stages"]
    assert [(change["field"], change["old"], change["new"]) for change in train["changes"]] == [("samples", 5, 2)]
    assert salary("register").out == "salary-svc:1\n"  # the same bytes
    (model,) = records(salary, "models")
    assert [sample["request"] for sample in model["samples"]] == [{"data": [[0]]}, {"data": [[20]]}]


@pytest.mark.slow
def test_text_columns_and_fewer_rows_than_requested(shell: Shell) -> None:
    shell.write("lading.yaml", TOWNS)
    rows = [("Ulm", 2, 500), ("${HOME}", 3, 900), ("$${Bonn}", 2, 600), ("Ulm", 4, 800)]
    shell.write("towns.csv", "town,rooms,rent\n" + "".join(f"{t},{r},{p}\n" for t, r, p in rows))
    shell("deploy")
    (model,) = records(shell, "models")
    assert [sample["request"]["data"] for sample in model["samples"]] == [[[t, r]] for t, r, _ in rows]
    shell("deploy", "--force")
    done = shell("rollback", "1", "--json")  # it sends exactly the requests that the release was accepted with
    assert "golden request" not in done.err.replace("golden requests", "")


@pytest.mark.slow
def test_an_exported_package_contains_them(salary: Shell, tmp_path: Path) -> None:
    salary("package", "export", "salary.tar")
    bare = SALARY.replace("data: sal.csv", "data: gone.csv")
    salary.write("bare.yaml", bare)
    salary("deploy", "bare.yaml", "--package", "salary.tar", "--store", tmp_path / "elsewhere")
    with closing(sqlite3.connect(tmp_path / "elsewhere" / "store.db")) as database:
        ((release,),) = database.execute("SELECT record FROM releases")
    assert len(json.loads(release)["golden_requests"]) == 5
    salary("delete", "bare.yaml", "--store", tmp_path / "elsewhere")


@pytest.mark.slow
def test_a_version_without_recorded_requests_is_refused_if_they_are_required(salary: Shell) -> None:
    salary.write("lading.yaml", SALARY.replace("samples: {record: 5}, ", ""))
    salary("register")
    salary.write("lading.yaml", SALARY)
    failed = salary("deploy", "--model", "salary-svc:1", code=3)
    assert "package.samples needs recorded golden requests, and salary-svc:1 has none" in failed.err


def test_a_finished_model_records_nothing(shell: Shell) -> None:
    shell.write("m.joblib", "")
    shell.write("lading.yaml", "version: 1\nname: some\nregister: {file: m.joblib}\npackage:\n  samples: {record: 2}\n")
    failed = shell("check", code=2)
    assert failed.err.startswith("lading.yaml:5:3: package.samples: only a training can record them")


@pytest.mark.parametrize("value", ["0", "1001", "-1", "1.5", "'5'", "true", "[1]"])
def test_an_invalid_number_is_reported_at_its_place(salary: Shell, value: str) -> None:
    salary.write("lading.yaml", SALARY.replace("record: 5", f"record: {value}"))
    told = salary("check", code=2).err
    assert told.startswith("lading.yaml:8:2")
    assert ": package.samples.record: " in told


def test_a_training_script_chooses_its_own_rows(salary: Shell) -> None:
    salary.write("train.py", "def train(data, log): ...\n")
    manifest = SALARY.replace("  features: [x]\n  label: y\n  estimator: sklearn.linear_model.LinearRegression\n", "")
    salary.write("lading.yaml", manifest.replace("data: sal.csv", "data: sal.csv\n  script: train.py"))
    (line,) = (
        n for n, text in enumerate((salary.folder / "lading.yaml").read_text().splitlines(), 1) if "record:" in text
    )
    for command in ("check", "train", "train"):  # reported before any training, each time
        told = salary(command, code=2).err
        assert re.match(
            rf"lading\.yaml:{line}:\d+: package\.samples\.record: a training script chooses its own rows", told
        )
    assert salary("run", "list", "--json").json() == []


def test_a_trainer_that_records_none_is_reported(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = str(install("thirdparty"))
    shell.write("cost.txt", "7")
    manifest = "version: 1\nname: price\ntrain: {plugin: constant, data: cost.txt}\npackage: {samples: {record: 1}}\n"
    shell.write("lading.yaml", manifest)
    failed = shell("train", code=6)
    assert "constant" in failed.err
    assert "records no golden requests" in failed.err


def test_a_number_alone_is_answered_with_the_key_to_write(tmp_path: Path) -> None:
    manifest = tmp_path / "lading.yaml"
    manifest.write_text("version: 1\nname: some\nregister: {file: m.joblib}\npackage:\n  samples: 2\n")
    (tmp_path / "m.joblib").touch()
    with pytest.raises(ManifestError, match=r"samples: expected a list or a mapping with record, found 2"):
        check(manifest)


CLASSES = """\
version: 1
name: classes
train:
  data: classes.csv
  features: [x]
  label: kind
  estimator: sklearn.linear_model.LogisticRegression
package: {method: predict_proba, output: records, samples: {record: 2}}
"""


@pytest.mark.slow
def test_probabilities_are_recorded_from_the_first_release(shell: Shell) -> None:
    shell.write("lading.yaml", CLASSES)
    shell.write("classes.csv", "x,kind\n" + "".join(f"{x},{'low' if x < 9 else 'high'}\n" for x in range(20)))
    shell("deploy")
    (release,) = shell("history", "--json").json()
    answers = [golden["response"][0] for golden in release["golden_requests"]]
    assert [sorted(answer) for answer in answers] == [["high", "low"]] * 2
    assert answers[0]["low"] > 0.9 > 0.1 > answers[1]["low"]
    assert "deploy to local: unchanged" in shell("deploy").err
    shell("package", "export", "classes.tar")
    assert "unchanged" in shell("deploy", "--package", "classes.tar").err
