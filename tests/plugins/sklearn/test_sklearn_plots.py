"""The plots of a scikit-learn model: their content, limits and escaping. A failed plot never stops a command."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.hook_kit import MemoryContext

from lading import Context, EvaluateRequest, Measured
from lading_sklearn import lading_evaluate, plots
from lading_sklearn.drawing import shown
from lading_sklearn.options import SklearnEvaluation
from lading_sklearn.plotting import plot

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(300, 3))
SIGN = np.where(INPUTS[:, 0] + RANDOM.normal(size=300) > 0, "yes", "no")
HOSTILE = ("a$x^{$b", "<script>&\"'", "new\nline\x1b[31m\x00", "long" * 2500)

Draw = Callable[..., dict[str, str]]


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The request to an evaluating process: a model, fitted to rows that are written into a file."""

    def made(model: Any, inputs: Any, answers: Any, names: Sequence[str], label: str = "y") -> dict[str, Any]:
        file, data = tmp_path / "model.joblib", tmp_path / "data.csv"
        joblib.dump(model.fit(inputs, answers), file)
        with data.open("w", newline="") as rows:
            csv.writer(rows).writerows([[*names, label], *([*row, y] for row, y in zip(inputs, answers, strict=True))])
        found: dict[str, Any] = {"file": str(file), "data": str(data), "modules": [], "split": None, "columns": []}
        return {**found, "reading": {}, "flat": False, "features": list(names), "label": label, "metrics": []}

    return made


@pytest.fixture
def draw(spec: Callable[..., dict[str, Any]], tmp_path: Path) -> Draw:
    """Draws the plots of a model, and returns each SVG by its name."""

    def drawn(model: Any, inputs: Any, answers: Any, names: Sequence[str] = "abc", **more: Any) -> dict[str, str]:
        folder = tmp_path / "drawn"
        folder.mkdir(exist_ok=True)
        remarks = more.pop("remarks", [])
        assert plot(spec(model, inputs, answers, names, **more), folder) == {"remarks": remarks}
        for png in folder.glob("*.png"):
            assert png.read_bytes().startswith(b"\x89PNG")
        assert {path.stem for path in folder.glob("*.svg")} == {path.stem for path in folder.glob("*.png")}
        return {path.stem: path.read_text() for path in folder.glob("*.svg")}

    return drawn


def texts(svg: str) -> list[str]:
    """The texts of an SVG, read as XML."""
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.slow
def test_a_regression_has_residuals_and_a_classification_has_matrix_and_curves(draw: Draw, tmp_path: Path) -> None:
    regression = draw(LinearRegression(), INPUTS, INPUTS @ [3.0, 2.0, 0.1])
    assert set(regression) == {"residuals", "importance"}
    assert "Residuals of 300 rows" in texts(regression["residuals"])
    assert texts(regression["importance"])[-1] == "Feature importance: the model's own"
    for file in (tmp_path / "drawn").iterdir():
        file.unlink()
    classes = draw(LogisticRegression(), INPUTS, SIGN)
    assert set(classes) == {"confusion", "curves", "importance"}
    assert {"yes", "no", "Confusion matrix of 300 rows"} <= set(texts(classes["confusion"]))
    assert {"ROC curve", "Precision-recall curve"} <= set(texts(classes["curves"]))


def test_a_confusion_matrix_counts_the_rows_of_each_class(draw: Draw) -> None:
    answers = np.array(["a"] * 200 + ["b"] * 100)
    model = KNeighborsClassifier(1)
    found = texts(draw(model, INPUTS, answers)["confusion"])
    assert [text for text in found if text in ("200", "100")] == ["200", "100"]  # the model has memorized each row


def test_the_title_names_the_source_of_an_importance(draw: Draw) -> None:
    forest = draw(RandomForestClassifier(3, random_state=0), INPUTS, SIGN)["importance"]
    assert "Feature importance: the model's own" in texts(forest)
    assert "feature_importances_" in texts(forest)
    piped = draw(make_pipeline(StandardScaler(), LinearRegression()), INPUTS, INPUTS @ [0.1, 3.0, 1.0])["importance"]
    assert "Permutation importance on 300 rows" in texts(piped)
    assert [text for text in texts(piped) if text in "abc"] == ["b", "c", "a"]  # the most important one first


@pytest.mark.slow
def test_the_same_model_gives_the_same_svg(draw: Draw) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    first, second = draw(model, INPUTS, SIGN), draw(model, INPUTS, SIGN)
    assert first == second
    assert "<dc:date>" not in "".join(first.values())


def test_hostile_names_of_columns_and_classes_are_text_of_one_line(draw: Draw) -> None:
    names = [name.replace("\n", " ").replace("\x00", "") for name in HOSTILE[:3]]
    numbers = np.arange(300) % 4
    answers = np.array(HOSTILE, dtype=object)[numbers]
    found = draw(LogisticRegression(), INPUTS, [str(each).replace("\x00", "") for each in answers], names, label="$y<&")
    for svg in found.values():
        assert "<script" not in svg
        said = texts(svg)
        assert all(len(text) < 120 and "\n" not in text and "\x1b" not in text for text in said)
    assert {"a$x^{$b", "<script>&\"'"} <= set(texts(found["importance"]))
    assert "<script>&\"'" in texts(found["confusion"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\nb\x00\x1b\u202ec\ud800", "a b c"),
        ("x" * 10_000, "x" * 39 + "…"),
        ("  wide   name ", "wide name"),
        (7, "7"),
        ("_hidden", "_hidden"),
    ],
)
def test_a_name_is_shown_as_one_short_line(name: object, expected: str) -> None:
    assert shown(name) == expected


def test_no_cell_of_text_is_in_a_plot(draw: Draw) -> None:
    """Names of classes and columns are in plots. Categories of a column, and names that a step makes of
    them, are not.
    """
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder

    cells = np.array([f"c4n4ry-{number % 3}" for number in range(300)], dtype=object)
    inputs = pd.DataFrame({"a": cells, "b": np.arange(300.0)})
    encode = make_column_transformer((OneHotEncoder(), ["a"]), remainder="passthrough")
    model = make_pipeline(encode, RandomForestClassifier(3, random_state=0)).fit(inputs, SIGN)
    found = draw(Fitted(model, inputs), inputs.to_numpy(), SIGN, ["a", "b"])
    assert set(found) == {"confusion", "curves", "importance"}
    assert "c4n4ry" not in "".join(found.values())


class Fitted:
    """A stand-in for a model that was fitted to other inputs than the written ones."""

    def __init__(self, model: Any, inputs: Any) -> None:
        self.model = model

    def fit(self, inputs: Any, answers: Any) -> Any:
        return self.model


@pytest.mark.slow
def test_two_hundred_classes_stay_bounded(draw: Draw) -> None:
    inputs = RANDOM.normal(size=(2000, 3))
    answers = np.array([f"class {number % 200}" for number in range(2000)])
    found = draw(RandomForestClassifier(2, max_depth=4, random_state=0), inputs, answers)
    assert "171 others" in texts(found["confusion"])
    assert len([text for text in texts(found["curves"]) if "class " in text]) == 20  # ten in each half
    assert all(len(svg) < 500_000 for svg in found.values())


@pytest.mark.slow
def test_five_thousand_columns_and_many_rows_stay_bounded(draw: Draw) -> None:
    inputs = RANDOM.normal(size=(30, 5000)).round(2)
    names = [f"column {number}" for number in range(5000)]
    wide = draw(LinearRegression(), inputs, inputs[:, 0], names)
    assert "Feature importance: the model's own, 20 of 5,000 columns" in texts(wide["importance"])
    why = "the plot importance is missing: 5,000 columns are too many to shuffle each; the most are 500"
    draw(KNeighborsRegressor(), inputs, inputs[:, 0], names, remarks=[why])
    rows = RANDOM.normal(size=(20_000, 1))
    long = draw(LinearRegression(), rows, rows[:, 0] + RANDOM.normal(size=20_000), ["a"])
    assert "Residuals of 2,000 of 20,000 rows" in texts(long["residuals"])
    assert len(long["residuals"]) < 500_000


def test_a_plot_that_cannot_be_drawn_leaves_the_others(draw: Draw) -> None:
    one = "the plot curves is missing: the rows have only one class, so no curve can be drawn"
    model = RandomForestClassifier(2, random_state=0)
    assert set(draw(model, INPUTS, ["yes"] * 300, remarks=[one])) == {"confusion", "importance"}


@pytest.fixture
def evaluate(spec: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[..., tuple[Measured, list[str]]]:
    """Evaluates a linear model like the host, and returns the warnings too."""

    def run(*, wanted: bool = True) -> tuple[Measured, list[str]]:
        asked, folder = spec(LinearRegression(), INPUTS, INPUTS @ [3.0, 2.0, 0.1], "abc"), tmp_path / "evaluated"
        folder.mkdir()
        request = EvaluateRequest(
            name="a-service",
            options=SklearnEvaluation(features=("a", "b", "c"), label="y"),
            folder=folder,
            file=Path(asked["file"]),
            sha256="0" * 64,
            framework="scikit-learn",
            data=Path(asked["data"]),
            plots=wanted,
        )
        context = MemoryContext(tmp_path)
        return lading_evaluate(request=request, context=cast("Context", context)), context.warnings

    return run


@pytest.mark.slow
def test_an_evaluation_draws_if_plots_are_requested(evaluate: Callable[..., tuple[Measured, list[str]]]) -> None:
    measured, warnings = evaluate()
    assert [path.name for path in measured.plots] == [
        "importance.png",
        "importance.svg",
        "residuals.png",
        "residuals.svg",
    ]
    assert measured.metrics["r2"] == pytest.approx(1.0)
    assert warnings == []


def test_the_compared_model_is_not_drawn(evaluate: Callable[..., tuple[Measured, list[str]]]) -> None:
    measured, warnings = evaluate(wanted=False)
    assert (measured.plots, warnings) == ((), [])


def test_without_matplotlib_an_evaluation_names_the_extra(
    evaluate: Callable[..., tuple[Measured, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    measured, warnings = evaluate()
    assert (measured.plots, len(measured.metrics)) == ((), 3)
    assert warnings == [
        "the plots of the model need matplotlib: pip install 'lading[plots]', then run `lading evaluate --force`"
    ]


def test_a_plotting_that_takes_too_long_is_a_warning(
    evaluate: Callable[..., tuple[Measured, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "_MOST_SECONDS", 0.05)
    measured, (warning,) = evaluate()
    assert measured.metrics["r2"] == pytest.approx(1.0)
    assert warning.startswith("some plots are missing: the plotting exceeded its time limit of 0.05 s")


def test_the_host_does_not_import_matplotlib() -> None:
    code = "import sys; from lading_sklearn import evaluating, plots, measuring; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
