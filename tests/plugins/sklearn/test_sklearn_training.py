"""Declarative training, in its real child process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import joblib
import pytest

import lading
from lading import Column, TrainedModel
from lading_sklearn.fitting import Fitted, fit_declared
from lading_sklearn.options import SklearnOptions, Step

SALARY = Path(__file__).parents[3] / "data" / "sal.csv"
LINEAR = "sklearn.linear_model.LinearRegression"
Train = Callable[..., TrainedModel]


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Two numbers and a name: three kinds of flower that are easy to separate."""
    file = tmp_path / "flowers.csv"
    rows = [
        f"{kind}.{i},{kind * 2}.{i % 7},{name}" for kind, name in enumerate(("iris", "rose", "tulip")) for i in range(9)
    ]
    file.write_text("\n".join(["length,width,kind", *rows]))
    return file


def test_the_salary_case(train: Train) -> None:
    model = train(data=SALARY, features=("x",), label="y", estimator=LINEAR, test_size=0.25, random_state=10)
    assert model.metrics["intercept"] == pytest.approx(103116.86991869919, rel=1e-9)
    assert model.metrics["coef_x"] == pytest.approx(1840.176151761518, rel=1e-9)
    assert {"r2", "mse", "mae", "train_r2", "train_mse", "train_mae"} <= model.metrics.keys()
    assert model.columns == (Column(name="x", dtype="int64"),)
    assert model.label == Column(name="y", dtype="int64")
    assert model.parameters["estimator"] == LINEAR
    assert model.parameters["random_state"] == 10
    assert model.parameters["model.fit_intercept"] is True
    predicted = joblib.load(model.file).predict([[21], [45]])
    assert predicted == pytest.approx([141760.56910569107, 185924.79674796748], rel=1e-9)


@pytest.mark.slow
def test_the_same_training_gives_the_same_bytes(train: Train, flowers: Path) -> None:
    options: dict[str, Any] = {
        "data": flowers,
        "features": ("length", "width"),
        "label": "kind",
        "estimator": "sklearn.ensemble.RandomForestClassifier",
        "params": {"n_estimators": 3, "random_state": 1},
    }
    assert train(**options).file.read_bytes() == train(**options).file.read_bytes()


def fit_here(**options: Any) -> Fitted:
    """Fit in this process, which is faster than in a child process."""
    return fit_declared({**asdict(SklearnOptions(**options)), "samples": 0, "base": "", "own": []})


def test_a_pipeline_that_classifies(train: Train, flowers: Path) -> None:
    steps = (
        Step("scale", "sklearn.preprocessing.MinMaxScaler", {"feature_range": [0, 2]}),
        Step("model", "sklearn.linear_model.LogisticRegression", {"C": 10.0}),
    )
    model = train(data=flowers, features=("length", "width"), label="kind", steps=steps, test_size=0.3, random_state=1)
    assert model.metrics["accuracy"] > 0.9
    assert 0.9 < model.metrics["f1"] <= 1
    assert len(model.metrics["intercept"]) == 3
    assert [len(row) for row in model.metrics["coef"]] == [2, 2, 2]
    assert model.parameters["step.model"] == "sklearn.linear_model.LogisticRegression"
    assert model.parameters["model.model__C"] == 10.0
    assert model.label == Column(name="kind", dtype="object")
    assert joblib.load(model.file).predict([[0.1, 0.2]]).tolist() == ["iris"]


def test_without_a_split_only_the_fitted_rows_are_scored() -> None:
    model = fit_here(data=SALARY, features=("x",), label="y", estimator=LINEAR)
    assert {name for name in model.metrics if not name.startswith("train_")} == {"intercept", "coef_x"}


def test_text_columns_become_a_data_frame(tmp_path: Path) -> None:
    file = tmp_path / "homes.csv"
    file.write_text(
        "city,rooms,price\n" + "\n".join(f"{c},{n},{n * 10 + len(c)}" for c in ("Oslo", "Bergen") for n in range(9))
    )
    columns = [["city", {"estimator": "sklearn.preprocessing.OneHotEncoder"}, ["city"]]]
    steps = (
        Step("columns", "sklearn.compose.ColumnTransformer", {"transformers": columns, "remainder": "passthrough"}),
        Step("model", LINEAR),
    )
    model = fit_here(data=file, features=("city", "rooms"), label="price", steps=steps)
    assert model.columns == (("city", "object"), ("rooms", "int64"))
    assert model.metrics["coef_remainder__rooms"] == pytest.approx(10)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            {"estimator": "sklearn.linear_model.LinearRegresion"},
            "no estimator",
            "sklearn.linear_model.LinearRegression",
        ),
        ({"estimator": "sklearn.linear_modell.Ridge"}, "no module sklearn.linear_modell", "sklearn.linear_model?"),
        ({"estimator": "nothing_like_it.Ridge"}, "no module nothing_like_it", "install"),
        ({"estimator": "os.path"}, "not an estimator", "fit()"),
        ({"estimator": "sklearn.preprocessing.StandardScaler"}, "cannot predict", "predict()"),
        ({"estimator": LINEAR, "params": {"fit_intercpt": True}}, "no parameter fit_intercpt", "fit_intercept"),
        ({"estimator": LINEAR, "test_size": 0.99}, "too few rows (21)", None),
    ],
)
def test_invalid_data_and_options_are_bad_input(options: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(lading.BadInput) as caught:
        fit_here(**{"data": SALARY, "features": ("x",), "label": "y", **options})
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


def test_bad_input_is_raised_from_the_child_process(train: Train) -> None:
    with pytest.raises(lading.BadInput, match="no column z") as caught:
        train(data=SALARY, features=("z",), label="y", estimator=LINEAR)
    assert caught.value.hint == "the table has x, y"


@pytest.mark.parametrize(("library", "extra"), [("sklearn", "lading[sklearn]"), ("pandas", "lading[pandas]")])
def test_a_missing_library_is_named(
    train: Train, flowers: Path, library: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{library}.py").write_text(f"raise ModuleNotFoundError('not there', name='{library}')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(lading.PluginError, match=f"needs {library}") as caught:
        train(
            data=flowers,
            features=("kind",),
            label="width",
            estimator="sklearn.dummy.DummyRegressor",
            env=("PYTHONPATH",),
        )
    assert caught.value.hint == f"pip install '{extra}'"


class Guess:
    """An estimator that does not use scikit-learn."""

    def fit(self, rows: Any, answers: Any) -> None:
        self.answer = answers[0]

    def predict(self, rows: Any) -> Any:
        return [self.answer for _row in rows]


def test_an_estimator_of_another_library(flowers: Path) -> None:
    for label, metrics in (("kind", {"train_accuracy", "train_f1"}), ("width", {"train_r2", "train_mse", "train_mae"})):
        model = fit_here(data=flowers, features=("length",), label=label, estimator=f"{__name__}.Guess")
        assert model.metrics.keys() == metrics


def test_a_refusal_of_an_estimator_is_shown(train: Train) -> None:
    with pytest.raises(lading.BadInput, match=r"^Ridge cannot be fitted to the data: The 'alpha' parameter") as caught:
        train(data=SALARY, features=("x",), label="y", estimator="sklearn.linear_model.Ridge", params={"alpha": -1})
    assert caught.value.option == "estimator"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"estimator": "sklearn.linear_model.LogisticRegression"},
            "^LogisticRegression cannot be fitted to the data: This solver needs samples of at least 2 classes",
        ),
        (
            {
                "estimator": "sklearn.model_selection.GridSearchCV",
                "params": {
                    "estimator": {"estimator": "sklearn.linear_model.LogisticRegression"},
                    "param_grid": {"C": [1.0]},
                },
            },
            "^GridSearchCV cannot be fitted to the data: .*at least 2 classes in the data",
        ),
    ],
)
def test_one_class_is_named_without_a_traceback(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("x,y\n" + "1,a\n2,a\n" * 5)
    with pytest.raises(lading.BadInput, match=message):
        fit_here(data=file, features=("x",), label="y", **options)


def test_xgboost_needs_numbered_classes(tmp_path: Path) -> None:
    pytest.importorskip("xgboost", reason="XGBoost is not installed")
    file = tmp_path / "data.csv"
    file.write_text("x,y\n1,low\n2,high\n")
    with pytest.raises(lading.BadInput, match="got ") as caught:
        fit_here(data=file, features=("x",), label="y", estimator="xgboost.XGBClassifier")
    assert "number the classes from 0" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "name an estimator, steps or a script"),
        ({"estimator": LINEAR, "script": SALARY}, "script: estimator and script exclude each other"),
        ({"script": SALARY, "features": ("x",)}, "features: a script"),
        ({"script": SALARY, "test_size": 0.5}, "test_size: a script"),
        ({"estimator": LINEAR}, "features: name"),
        ({"estimator": LINEAR, "features": ("x", "x"), "label": "y"}, "features: a column is named twice"),
        ({"estimator": LINEAR, "features": ("x",)}, "label: name"),
        ({"estimator": LINEAR, "features": ("x",), "label": "x"}, "label: the column is also a feature"),
        ({"estimator": LINEAR, "features": ("x",), "label": "y", "random_state": 0}, "random_state: it seeds"),
        (
            {"estimator": LINEAR, "features": ("x",), "label": "y", "data": {"a": SALARY}},
            "data: an estimator is trained on",
        ),
        ({"steps": (Step("a", LINEAR), Step("a", LINEAR)), "features": ("x",), "label": "y"}, "steps: a name is used"),
    ],
)
def test_options_that_exclude_each_other(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SklearnOptions(**{"data": SALARY, **options})


def test_the_options_as_a_manifest_checks_them() -> None:
    from pydantic import TypeAdapter

    adapter = TypeAdapter(SklearnOptions)
    step = '{"name": "m", "estimator": "a.B", "params": {"k": [1]}}'
    document = f'{{"data": "a.csv", "features": ["x"], "label": "y", "steps": [{step}]}}'
    checked = adapter.validate_json(document)
    assert checked.steps == (Step("m", "a.B", {"k": [1]}),)
    assert "time_limit" in adapter.json_schema()["properties"]


def test_importing_the_plugin_is_light() -> None:
    import subprocess
    import sys

    heavy = {"sklearn", "numpy", "pandas", "joblib", "scipy", "pydantic", "subprocess", "importlib.metadata", "csv"}
    program = f"import lading_sklearn, sys; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"
