"""Models of several files, and of the project's own classes, on a real MLflow server."""

from __future__ import annotations

import pytest
from tests.conftest import Shell
from tests.plugins.mlflow.mlflow_kit import Front, Observed
from tests.plugins.mlflow.test_mlflow_server import loaded

pytestmark = pytest.mark.slow

SCORE = """
def init():
    pass

def run(raw_data):
    return 1
"""
RANKER = """
from sklearn.linear_model import LinearRegression

class Ranker(LinearRegression):
    def predict(self, X):
        return super().predict(X) * 10
"""


def connected(shell: Shell, front: Front, text: str) -> Shell:
    shell.write("lading.yaml", f"version: 1\n{text}\nconnections: {{mlflow: {{tracking_uri: '{front.uri}'}}}}\n")
    return shell


def test_several_models_are_one_version_with_all_files(shell: Shell, front: Front, observed: Observed) -> None:
    shell.write("price.txt", "7")
    shell.write("forest/answer.txt", "42")
    shell.write("score.py", SCORE)
    models = "models: {price: {file: price.txt}, churn: {file: forest, version: 4}}"
    both = f"name: mlflow-both\nregister: {{to: [mlflow], {models}}}\npackage: {{scoring_script: score.py}}"
    connected(shell, front, both)
    for _again in range(2):
        shell("check")
        shell("register")
    (version,) = observed.versions("mlflow-both")
    (model,) = shell("model", "list", "--json").json()
    assert version["tags"]["lading.sha256"] == model["sha256"]
    for place, content in (("price/1/price.txt", b"7"), ("churn/4/forest/answer.txt", b"42")):
        assert observed.artifact(version["source"], f"{model['file_name']}/{place}") == content


def test_the_included_modules_are_kept_with_the_version(shell: Shell, front: Front) -> None:
    shell.write("steps/__init__.py", "")
    shell.write("steps/ranking.py", f"from scale import FACTOR\n{RANKER.replace('10', 'FACTOR')}")
    shell.write("scale.py", "FACTOR = 10\n")
    shell.write("d.csv", "x,y\n1,2\n2,4\n3,6\n")
    train = "{data: d.csv, features: [x], label: y, estimator: steps.ranking.Ranker}"
    both = f"name: mlflow-steps\ntrain: {train}\nregister: {{to: [mlflow]}}\npackage: {{include: [steps, scale.py]}}"
    connected(shell, front, both)
    shell("register")
    assert loaded(front.uri, "models:/mlflow-steps/1")["answer"] == [pytest.approx(420)]


def test_a_class_of_the_project_is_loaded_from_the_version(shell: Shell, front: Front) -> None:
    shell.write("ranking.py", RANKER)
    shell.write("d.csv", "x,y\n1,2\n2,4\n3,6\n")
    train = "{data: d.csv, features: [x], label: y, estimator: ranking.Ranker}"
    connected(shell, front, f"name: mlflow-own\ntrain: {train}\nregister: {{to: [mlflow]}}")
    shell("register")
    assert loaded(front.uri, "models:/mlflow-own/1")["answer"] == [pytest.approx(420)]
