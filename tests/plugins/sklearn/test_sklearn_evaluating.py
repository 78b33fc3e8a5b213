"""Evaluate a scikit-learn model: the rows, the metrics, and the child process, which alone loads the model."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import lading
from lading import BadInput, Column, Context, EvaluateRequest, Interrupted, Measured, StageFailed
from lading_sklearn import lading_evaluate
from lading_sklearn.fitting import fit_declared
from lading_sklearn.measuring import measure
from lading_sklearn.metrics import greater_is_better, unknown_metric
from lading_sklearn.options import SklearnEvaluation, SklearnOptions

LINEAR = "sklearn.linear_model.LinearRegression"
ROWS = np.column_stack((np.arange(10.0), np.arange(10.0) * 7 % 11))


class Loaded:
    """An object that writes the id of its loading process into a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return exec, (f"import os, pathlib; pathlib.Path({str(self.file)!r}).write_text(str(os.getpid()))",)


def spec(file: Path, data: Path, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "file": str(file),
        "data": str(data),
        "modules": [],
        "split": None,
        "features": [],
        "columns": [],
        "reading": {},
        "flat": False,
    }
    return {**found, "label": None, "metrics": [], **more}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model.joblib"
    joblib.dump(LinearRegression().fit(ROWS, ROWS @ [1.0, 2.0] + ROWS[:, 0] % 3), file)
    return file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "holdout.csv"
    file.write_text("b,a,y\n" + "".join(f"{b},{a},{a + 2 * b + (a % 3)}\n" for a, b in ROWS.tolist()))
    return file


@pytest.fixture
def evaluate(context: Any, tmp_path: Path) -> Callable[..., Measured]:
    context.progress = lambda phase, _detail="": None

    def run(file: Path, *, time_limit: float | None = None, **more: Any) -> Measured:
        folder = tmp_path / "evaluated"
        folder.mkdir(exist_ok=True)
        options = SklearnEvaluation(time_limit=time_limit)
        request = EvaluateRequest(
            name="a-service", options=options, folder=folder, file=file, sha256="0" * 64, framework="scikit-learn"
        )
        return lading_evaluate(request=replace(request, **more), context=cast("Context", context))

    return run


def test_the_rows_that_the_training_held_out_give_the_metrics_of_the_run(
    evaluate: Callable[..., Measured], tmp_path: Path, data: Path
) -> None:
    training = SklearnOptions(
        data=data, features=("a", "b"), label="y", estimator=LINEAR, test_size=0.3, random_state=4
    )
    fitted = fit_declared({**vars(training), "data": str(data), "samples": 0, "base": "", "own": []})
    file = tmp_path / "model.joblib"
    joblib.dump(fitted.model, file)
    columns = tuple(Column(name=name, dtype=dtype) for name, dtype in fitted.columns)
    found = evaluate(file, training=training, columns=columns, metrics=("neg_max_error", "cost"))
    assert {name: found.metrics[name] for name in ("r2", "mse", "mae")} == {
        name: fitted.metrics[name] for name in ("r2", "mse", "mae")
    }
    assert found.greater_is_better["r2"]
    assert not found.greater_is_better["mae"]


def test_a_model_is_loaded_in_another_process_only(
    evaluate: Callable[..., Measured], tmp_path: Path, data: Path
) -> None:
    file, loaded = tmp_path / "evil.pkl", tmp_path / "loaded.txt"
    file.write_bytes(pickle.dumps(Loaded(loaded)))
    with pytest.raises(StageFailed, match="the model is a NoneType, which cannot predict"):
        evaluate(file, data=data)
    assert int(loaded.read_text()) != os.getpid()


def test_an_evaluation_has_a_time_limit_and_can_be_interrupted(
    evaluate: Callable[..., Measured], context: Any, model: Path, data: Path
) -> None:
    with pytest.raises(StageFailed, match=r"the evaluation exceeded its time limit of 0.05 s") as caught:
        evaluate(model, data=data, time_limit=0.05)
    assert caught.value.hint == "raise time_limit under evaluate"
    context.cancelled = True
    with pytest.raises(Interrupted):
        evaluate(model, data=data)


def test_the_columns_of_the_model_are_used_in_its_order(model: Path, data: Path) -> None:
    named = measure(spec(model, data, columns=["a", "b"], label="y"), Path())
    chosen = measure(spec(model, data, features=["b", "a"], label="y"), Path())
    assert named["metrics"]["r2"] > 0.99 > chosen["metrics"]["r2"]


def test_the_label_is_the_one_column_left(model: Path, data: Path) -> None:
    assert measure(spec(model, data, columns=["a", "b"]), Path()) == measure(
        spec(model, data, columns=["a", "b"], label="y"), Path()
    )
    with pytest.raises(BadInput, match="which column has the answers: b, y") as caught:
        measure(spec(model, data, columns=["a"]), Path())
    assert caught.value.option == "label"


def test_a_model_that_does_not_name_its_columns_needs_them(model: Path, data: Path) -> None:
    with pytest.raises(BadInput, match="does not say which columns it takes") as caught:
        measure(spec(model, data), Path())
    assert caught.value.option == "features"


def test_a_scorer_keeps_its_sign_and_one_that_does_not_fit_is_named(tmp_path: Path, model: Path, data: Path) -> None:
    found = measure(spec(model, data, columns=["a", "b"], metrics=["neg_mean_absolute_error", "cost"]), Path())
    assert found["metrics"]["neg_mean_absolute_error"] == -found["metrics"]["mae"]
    assert "cost" not in found["metrics"]
    with pytest.raises(BadInput, match="the model has no roc_auc") as caught:
        measure(spec(model, data, columns=["a", "b"], metrics=["roc_auc"]), Path())
    assert caught.value.option == "require.roc_auc"


def test_a_classifier_has_the_metrics_of_a_classification(tmp_path: Path) -> None:
    file, data = tmp_path / "model.joblib", tmp_path / "holdout.csv"
    joblib.dump(LogisticRegression().fit(ROWS, (np.arange(10) > 4).astype(int)), file)
    data.write_text("a,b,y\n" + "".join(f"{a},{b},{int(a > 4)}\n" for a, b in ROWS.tolist()))
    found = measure(spec(file, data, columns=["a", "b"], metrics=["roc_auc"]), Path())
    assert found["metrics"] == {"accuracy": 1.0, "f1": 1.0, "roc_auc": 1.0}
    assert set(found["greater_is_better"].values()) == {True}


@pytest.mark.parametrize("name", ["r2", "mse", "train_mae", "coef_x", "roc_auc", "neg_log_loss"])
def test_a_metric_is_known(name: str) -> None:
    assert not unknown_metric(name, scripted=False)


def test_an_unknown_metric_is_named_with_the_known_ones() -> None:
    message = unknown_metric("acuracy", scripted=False)
    assert message.startswith("no metric of this name (did you mean accuracy or ")
    assert message.endswith("?); known are r2, mse, mae, accuracy, f1 and the scorers of scikit-learn")
    assert len(message) < 200
    assert "(did you mean mse" in unknown_metric("RMSE", scripted=False)
    assert not unknown_metric("cost", scripted=True)
    assert [greater_is_better(name) for name in ("f1", "mse", "train_r2", "roc_auc", "cost")] == [
        True,
        False,
        True,
        True,
        None,
    ]


MANIFEST = """\
version: 1
name: salary-svc
train: {TRAIN}
evaluate: {EVALUATE}
"""
DECLARED = f"data: a.csv, features: [x], label: y, estimator: {LINEAR}"


@pytest.mark.parametrize(
    ("train", "block", "problem"),
    [
        ("data: a.csv, script: train.py", "", "4:1: evaluate: a training script holds out its own rows: name a file"),
        (DECLARED, "", "4:1: evaluate: the training holds no rows out, because it has no test_size: name a file"),
        (f"{DECLARED}, test_size: 0.3", "", "cannot be repeated without random_state: name a file under data"),
        (DECLARED, 'data: a.csv, require: {acuracy: "> 1"}', "evaluate.require.acuracy: no metric of this name (did"),
        (DECLARED, "data: a.csv, estimator: x.Y", "evaluate.estimator: unknown key"),
        (f"{DECLARED}, test_size: 0.3, random_state: 1", 'require: {mae: "< 1"}', ""),
        ("data: a.csv, script: train.py", 'data: a.csv, require: {cost: "< 1"}', ""),
    ],
)
def test_check_finds_options_that_cannot_be_evaluated(tmp_path: Path, train: str, block: str, problem: str) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "train.py").write_text("def train(data, log): ...\n")
    file = tmp_path / "lading.yaml"
    file.write_text(MANIFEST.replace("TRAIN", train).replace("EVALUATE", block))
    if not problem:
        assert lading.check(file) == ()
        return
    with pytest.raises(lading.ManifestError) as caught:
        lading.check(file)
    assert problem in caught.value.message


def test_a_model_that_is_a_folder_is_bad_input(tmp_path: Path, evaluate: Callable[..., Measured], data: Path) -> None:
    (tmp_path / "forest").mkdir()
    with pytest.raises(BadInput, match="the model is a folder"):
        evaluate(tmp_path / "forest", data=data)
