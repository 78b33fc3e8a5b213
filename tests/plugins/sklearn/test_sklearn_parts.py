"""The parts of a training, in this process: estimators by name, metrics, recorded rows, and the end of a child."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from lading import BadInput, Finished, StageFailed, Transient
from lading_sklearn.cells import Reading, typed
from lading_sklearn.child import _parameters, as_json, kept_metrics
from lading_sklearn.estimators import make_estimator, make_model
from lading_sklearn.fitting import coefficients, fit_declared, scores
from lading_sklearn.intake import Takes
from lading_sklearn.options import SklearnOptions
from lading_sklearn.recording import record
from lading_sklearn.table import read_table
from lading_sklearn.training import _work
from lading_sklearn.working import _failure, _raised

ROWS = np.arange(10.0).reshape(5, 2)
LINEAR = "sklearn.linear_model.LinearRegression"


class Eager:
    """An estimator of this module that accepts any keyword and refuses one value."""

    def __init__(self, *, shape: tuple[int, ...] = (1,), **more: Any) -> None:
        if more.get("wrong"):
            raise ValueError("it is wrong")
        self.shape, self.more = shape, more

    def fit(self, rows: Any, answers: Any) -> Eager:
        return self


HERE = f"{__name__}.Eager"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (
            "sklearn.linear_model.LinearRegresion",
            "no estimator sklearn.linear_model.LinearRegresion",
            "LinearRegression?",
        ),
        ("sklearn.linear_modle.Ridge", "no estimator sklearn.linear_modle.Ridge: no module", "sklearn.linear_model?"),
        ("sklearnn.linear_model.Ridge", "no module sklearnn", "install the distribution that has sklearnn"),
        ("sklearn.metrics.accuracy_score", "is not an estimator", "name a class with fit()"),
        ("sklearn.metrics.ConfusionMatrixDisplay", "is not an estimator", "name a class with fit()"),
        ("sklearn.linear_model.Zzzzzz", "no estimator sklearn.linear_model.Zzzzzz", None),
    ],
)
def test_an_unknown_estimator(name: str, message: str, hint: str | None) -> None:
    with pytest.raises(BadInput) as caught:
        make_estimator(name, {})
    assert message in caught.value.message
    assert caught.value.hint is None if hint is None else hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "params", "message", "hint"),
    [
        (LINEAR, {"fit_intercep": True}, f"{LINEAR} has no parameter fit_intercep", "did you mean fit_intercept?"),
        (LINEAR, {"zzz": True}, f"{LINEAR} has no parameter zzz", None),
        (HERE, {"wrong": True}, f"{HERE}: it is wrong", None),
    ],
)
def test_an_unknown_parameter_of_an_estimator(
    name: str, params: dict[str, Any], message: str, hint: str | None
) -> None:
    with pytest.raises(BadInput) as caught:
        make_estimator(name, params)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_parameters_are_converted_for_an_estimator() -> None:
    nested = {"estimator": LINEAR, "params": {"fit_intercept": False}}
    made = make_estimator(
        HERE, {"shape": [2, 3], "list": [1, nested], "map": {"estimator": "x", "other": 1}, "one": nested}
    )
    assert made.shape == (2, 3)
    assert made.more["list"][0] == 1
    assert isinstance(made.more["list"][1], LinearRegression)
    assert not made.more["one"].fit_intercept
    assert made.more["map"] == {"estimator": "x", "other": 1}


def test_the_last_step_must_predict() -> None:
    scaler = {"name": "scale", "estimator": "sklearn.preprocessing.StandardScaler", "params": {}}
    linear = {"name": "fit", "estimator": LINEAR, "params": {}}
    assert list(make_model(None, [scaler, linear], {}).named_steps) == ["scale", "fit"]
    with pytest.raises(BadInput, match="StandardScaler cannot predict") as caught:
        make_model(None, [linear, scaler], {})
    assert caught.value.hint == "the last step is an estimator with predict()"
    with pytest.raises(BadInput, match="Eager cannot predict"):
        make_model(HERE, [], {})


def test_a_linear_model_names_its_coefficients() -> None:
    answers = ROWS @ [2.0, 0.0] + 1
    found = coefficients(LinearRegression().fit(ROWS, answers), ["a", "b"])
    assert list(found) == ["intercept", "coef_a", "coef_b"]
    piped = make_pipeline(PolynomialFeatures(2, include_bias=False), LinearRegression()).fit(ROWS, answers)
    assert list(coefficients(piped, ["a", "b"])) == [
        "intercept",
        *(f"coef_{each}" for each in ("a", "b", "a^2", "a b", "b^2")),
    ]


def test_coefficients_without_names_are_one_array_and_too_many_are_left_out() -> None:
    classes = LogisticRegression().fit(ROWS, [0, 1, 2, 0, 1])
    found = coefficients(classes, ["a", "b"])
    assert found["coef"].shape == (3, 2)
    wide = LinearRegression().fit(np.eye(3, 1001), [1.0, 2.0, 3.0])
    assert list(coefficients(wide, [str(number) for number in range(1001)])) == ["intercept"]
    assert coefficients(StandardScaler().fit(ROWS), ["a", "b"]) == {}


@pytest.mark.parametrize(
    ("answers", "names"),
    [
        (np.array([1.0, 2.0, 3.0, 4.0, 6.0]), ["r2", "mse", "mae"]),
        (np.array([1.0]), ["mse", "mae"]),
    ],
)
def test_a_regression_is_scored_by_its_errors(answers: Any, names: list[str]) -> None:
    model = LinearRegression().fit(ROWS, [1.0, 2.0, 3.0, 4.0, 5.0])
    found = scores(model, ROWS[: len(answers)], answers)
    assert list(found) == names
    errors = answers - model.predict(ROWS[: len(answers)])
    assert found["mae"] == pytest.approx(np.abs(errors).mean())
    assert found["mse"] == pytest.approx((errors**2).mean())


@pytest.mark.parametrize("labels", [["no", "no", "yes", "yes", "yes"], ["a", "a", "b", "b", "c"]])
def test_a_classification_is_scored_by_its_correct_answers(labels: list[str]) -> None:
    answers = np.array(labels, dtype=object)
    model = LogisticRegression(C=100).fit(ROWS, answers)
    found = scores(model, ROWS, answers)
    assert list(found) == ["accuracy", "f1"]
    assert found["accuracy"] == np.mean(model.predict(ROWS) == answers)


@settings(max_examples=25)
@given(rows=st.integers(2, 40), wanted=st.integers(1, 50))
def test_recorded_rows_are_spread_from_the_first_to_the_last(rows: int, wanted: int) -> None:
    inputs = np.arange(float(rows)).reshape(rows, 1)
    model = LinearRegression().fit(inputs, inputs.ravel())
    samples = record(model, inputs, wanted)
    places = [sample["request"]["data"][0][0] for sample in samples]
    assert places == sorted(set(places))
    assert len(samples) == min(rows, wanted)
    assert places[0] == 0
    assert wanted == 1 or places[-1] == rows - 1
    assert json.loads(json.dumps(samples)) == samples
    for sample in samples:
        assert sample["response"] == model.predict(sample["request"]["data"]).tolist()


def test_an_answer_that_is_not_finite_is_not_recorded() -> None:
    model = LinearRegression().fit(ROWS, ROWS.sum(axis=1))
    model.coef_[0] = np.inf
    with pytest.raises(StageFailed, match="no finite answer to a row that it was trained on"):
        record(model, ROWS + 1, 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.int64(2), 2),
        (np.bool_(True), True),
        (np.array([[1.0, np.nan], [np.inf, 2.0]]), [[1.0, None], [None, 2.0]]),
        ((1, "a", None, [True]), [1, "a", None, [True]]),
        (float("-inf"), None),
        (np.array("text"), "text"),
        ({"a": np.float64(1), 2: [np.nan]}, {"a": 1.0, "2": [None]}),
    ],
)
def test_a_metric_is_kept_as_json(value: Any, expected: Any) -> None:
    found = as_json(value, "m")
    assert found == expected
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


@pytest.mark.parametrize("value", [object(), {1}, b"x", 1j, [object()], {"a": {1}}])
def test_a_metric_that_cannot_be_stored_is_a_warning(value: Any) -> None:
    kept, (warning,) = kept_metrics({"m": value, "r2": 0.5})
    assert kept == {"r2": 0.5}
    assert warning.startswith("the metric m is a ")
    assert warning.endswith(", which cannot be stored: log numbers, text, lists or mappings")


def test_a_metric_without_an_end_is_a_warning() -> None:
    endless: list[Any] = []
    endless.append(endless)
    kept, (warning,) = kept_metrics({"m": endless})
    assert (kept, warning.partition(":")[0]) == ({}, "the metric m cannot be stored")


def test_parameters_of_a_model_are_kept_if_they_are_json() -> None:
    model = LogisticRegression(C=0.5, random_state=np.random.RandomState(0), l1_ratio=float("nan"))
    found = _parameters(model)
    assert found["model.C"] == 0.5
    assert {"model.random_state", "model.l1_ratio"}.isdisjoint(found)
    assert _parameters(object()) == {}


SCRIPT = SklearnOptions(data=Path("a.csv"), script=Path("/p/train.py"), time_limit=2.5)
DECLARED = SklearnOptions(data=Path("a.csv"), features=("x",), label="y", estimator=LINEAR)


@pytest.mark.parametrize(
    ("options", "code", "tail", "message", "hint"),
    [
        (SCRIPT, None, (), "train.py exceeded its time limit of 2.5 s", "raise time_limit under train"),
        (SCRIPT, -signal.SIGKILL, (), "train.py was killed by SIGKILL", "perhaps the machine ran out of memory"),
        (SCRIPT, -signal.SIGTERM, (), "train.py was killed by SIGTERM", None),
        (SCRIPT, -35, (), "train.py was killed by signal 35", None),
        (SCRIPT, 0, (), "train.py ended before it returned a model", None),
        (SCRIPT, 3, ("one", "two"), "train.py ended with exit code 3; its last lines:\n  one\n  two", None),
        (DECLARED, 1, (), "the training ended with exit code 1", None),
    ],
)
def test_a_child_without_a_result_reports_how_it_ended(
    options: SklearnOptions, code: int | None, tail: tuple[str, ...], message: str, hint: str | None
) -> None:
    found = _failure(_work(options), Finished(code=code, tail=tail))
    assert (found.message, found.hint) == (message, hint)


@pytest.mark.parametrize("kind", [BadInput, StageFailed, Transient])
def test_the_failure_of_a_child_is_raised_unchanged(kind: type[BadInput]) -> None:
    found = _raised({"kind": kind.__name__, "message": "no", "hint": None})
    assert (type(found), found.message, found.hint) == (kind, "no", None)


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (("1", "2"), "int64"),
        (("1", "-9223372036854775808"), "int64"),
        (("1", "9223372036854775808"), "float64"),
        (("1", "2.0"), "float64"),
        (("1", "2e3"), "float64"),
        (("+1", "-0"), "int64"),
        (("0001", "2"), "int64"),
        (("a", "b"), "object"),
        (("inf", "Infinity"), "object"),
        (("1_0", "2_0"), "object"),
        (("true", "False"), "bool"),
        (("true", "yes"), "object"),
        (("0x1", "0x2"), "object"),
    ],
)
def test_a_column_has_the_type_of_its_cells(tmp_path: Path, cells: tuple[str, str], dtype: str) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(cells) + "\n")
    column = read_table(str(tmp_path / "a.csv"), ["x"], Reading()).cells("x")
    assert typed(column, Takes(), Reading()).dtype.name == dtype


def test_a_whole_declared_training(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{x},{2 * x + 1}\n" for x in range(8)))
    spec = {
        "data": str(tmp_path / "a.csv"),
        "features": ["x"],
        "label": "y",
        "estimator": LINEAR,
        "steps": [],
        "params": {},
        "test_size": 0.25,
        "random_state": 0,
        "samples": 2,
        "base": str(tmp_path),
        "own": [],
    }
    fitted = fit_declared(spec)
    assert (fitted.columns, fitted.label) == ((("x", "int64"),), ("y", "int64"))
    assert fitted.parameters == {"estimator": LINEAR, "test_size": 0.25, "random_state": 0}
    assert list(fitted.metrics) == ["train_r2", "train_mse", "train_mae", "r2", "mse", "mae", "intercept", "coef_x"]
    assert [fitted.metrics["intercept"], fitted.metrics["coef_x"]] == pytest.approx([1, 2])
    assert [sample["request"] for sample in fitted.samples] == [{"data": [[0]]}, {"data": [[7]]}]
    with pytest.raises(BadInput, match=r"too few rows \(8\) to hold out 0\.99 of them"):
        fit_declared({**spec, "test_size": 0.99})
