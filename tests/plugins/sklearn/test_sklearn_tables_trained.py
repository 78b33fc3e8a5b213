"""Train on tables as people have them, in the real child process."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from tests.plugins.sklearn.conftest import FakeContext

import lading
from lading import Column, TrainedModel
from lading_sklearn.fitting import Fitted, fit_declared
from lading_sklearn.options import SklearnEvaluation, SklearnOptions, Step
from lading_sklearn.table_options import Query

Train = Callable[..., TrainedModel]
LINEAR = "sklearn.linear_model.LinearRegression"
HIST = "sklearn.ensemble.HistGradientBoostingRegressor"
IMPUTER = "sklearn.impute.SimpleImputer"


def fit(**options: Any) -> Fitted:
    """Fit in this process, which is faster than in a child process, and record two golden requests."""
    spec = {**asdict(SklearnOptions(**options)), "samples": 2, "base": "", "own": []}
    return fit_declared(json.loads(json.dumps(spec, default=str)))


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    def write(header: str, *rows: str, name: str = "a.csv") -> Path:
        file = tmp_path / name
        file.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
        return file

    return write


@pytest.fixture
def gaps(table: Callable[..., Path]) -> Path:
    return table("x,town,y", *(f"{'' if i % 7 == 3 else i},{'?' if i % 5 == 1 else 'Ulm'},{3 * i}" for i in range(40)))


@pytest.mark.slow
def test_an_estimator_that_takes_missing_values_gets_them(train: Train, gaps: Path) -> None:
    model = train(data=gaps, features=("x",), label="y", estimator=HIST, params={"min_samples_leaf": 2})
    assert model.columns == (Column(name="x", dtype="float64"),)
    loaded, rows = joblib.load(model.file), pd.read_csv(gaps)
    assert loaded.predict([[np.nan]]) == pytest.approx(rows[rows.x.isna()].y.mean(), rel=0.2)
    fitted = fit(data=gaps, features=("x",), label="y", estimator=HIST)
    assert fitted.samples[0]["request"] == {"data": [[0.0]]}
    with pytest.raises(lading.BadInput, match=r"a\.csv:5: column x: a missing value, and LinearRegression takes none"):
        train(data=gaps, features=("x",), label="y", estimator=LINEAR)


def test_an_imputer_of_a_column_fills_it_before_text_is_encoded(gaps: Path) -> None:
    coded = {
        "estimator": "sklearn.pipeline.Pipeline",
        "params": {
            "steps": [
                ["fill", {"estimator": IMPUTER, "params": {"strategy": "most_frequent"}}],
                ["code", {"estimator": "sklearn.preprocessing.OneHotEncoder"}],
            ]
        },
    }
    columns = [["x", {"estimator": IMPUTER}, ["x"]], ["town", coded, ["town"]]]
    steps = (
        Step("columns", "sklearn.compose.ColumnTransformer", {"transformers": columns}),
        Step("model", LINEAR),
    )
    options: dict[str, Any] = {"data": gaps, "features": ("x", "town"), "label": "y", "steps": steps}
    model = fit(**options, missing=("?",)).model
    assert model.feature_names_in_.tolist() == ["x", "town"]
    assert np.isfinite(model.predict(pd.DataFrame({"x": [np.nan], "town": ["Ulm"]}))).all()
    assert len(model[-1].coef_) == 2  # "?" is not a category
    assert len(fit(**options).model[-1].coef_) == 3


def test_a_missing_label_is_named(table: Callable[..., Path]) -> None:
    with pytest.raises(lading.BadInput, match=r"a\.csv:3: column y: a missing value, and a label has none"):
        fit(data=table("x,y", "1,2", "2,NA"), features=("x",), label="y", estimator=HIST)


def test_a_wish_that_a_transformer_does_not_keep_is_named_at_the_cell(
    table: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transformer from elsewhere may fill missing values or encode text; only the training shows that it does not."""
    here = f"{__name__}.Nothing"
    steps = (Step("nothing", here), Step("model", LINEAR))
    with pytest.raises(lading.BadInput, match=r"a\.csv:3: column x: a missing value, and the training failed: .*NaN"):
        fit(data=table("x,y", "1,2", ",4", "5,6"), features=("x",), label="y", steps=steps)
    with pytest.raises(lading.BadInput, match=r"a\.csv:2: column x: 'red' is text, and the training failed"):
        fit(data=table("x,y", "red,2", "blue,4"), features=("x",), label="y", steps=steps)


class Nothing:
    """A transformer that does nothing."""

    def fit(self, rows: Any, answers: Any = None) -> Nothing:
        return self

    def transform(self, rows: Any) -> Any:
        return rows

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}


def test_one_name_gives_a_series(train: Train, table: Callable[..., Path]) -> None:
    rows = [f"{'good day' if i % 2 else 'bad luck'} {i},{'p' if i % 2 else 'n'}" for i in range(20)]
    data = table("text,kind", *rows, "645,p")
    steps = (
        Step("words", "sklearn.feature_extraction.text.TfidfVectorizer"),
        Step("model", "sklearn.linear_model.LogisticRegression"),
    )
    model = train(data=data, features="text", label="kind", steps=steps, test_size=0.3, random_state=0)
    assert model.columns == (Column(name="text", dtype="object"),)
    assert joblib.load(model.file).predict(["good day", "bad luck"]).tolist() == ["p", "n"]
    assert fit(data=data, features="text", label="kind", steps=steps).samples[-1]["request"] == {"data": ["645"]}
    seen: list[Any] = []
    Seen.see = seen.append
    fit(data=data, features="text", label="kind", estimator=f"{__name__}.Seen")
    assert isinstance(seen[0], pd.Series)
    assert seen[0].name == "text"


class Seen:
    """An estimator that shows the rows that it gets."""

    see: Callable[[Any], Any]

    def fit(self, rows: Any, answers: Any) -> None:
        Seen.see(rows)

    def predict(self, rows: Any) -> Any:
        return ["p"] * len(rows)


def test_several_labels_are_several_outputs(train: Train, table: Callable[..., Path]) -> None:
    data = table("x,y,z", *(f"{i},{2 * i},{i % 3}" for i in range(30)))
    model = train(data=data, features=("x",), label=("y", "z"), estimator=LINEAR, test_size=0.3, random_state=0)
    assert joblib.load(model.file).predict([[4]]).shape == (1, 2)
    assert {"r2", "mse", "mae"} <= model.metrics.keys()
    assert model.label is None
    forest = fit(data=data, features=("x",), label=("y", "z"), estimator="sklearn.ensemble.RandomForestClassifier")
    assert 0.9 < forest.metrics["train_accuracy"] <= 1
    assert forest.samples[0] == {"request": {"data": [[0]]}, "response": [[0, 0]]}
    text = table("x,y,z", *(f"{i},{'ab'[i % 2]},{'cd'[i // 15]}" for i in range(30)))
    tree = fit(data=text, features=("x",), label=("y", "z"), estimator="sklearn.tree.DecisionTreeClassifier")
    assert tree.metrics["train_accuracy"] == tree.metrics["train_f1"] == 1


def test_a_text_label_of_a_regression_is_named(table: Callable[..., Path]) -> None:
    with pytest.raises(lading.BadInput, match=r"column y: 'a' is text, and LinearRegression takes numbers"):
        fit(data=table("x,y", "1,a", "2,b"), features=("x",), label="y", estimator=LINEAR)


@pytest.fixture
def forget_dates() -> Iterator[None]:
    path = [*sys.path]
    yield
    sys.path[:] = path


@pytest.mark.usefixtures("forget_dates")
def test_dates_become_numbers_in_the_model(train: Train, table: Callable[..., Path]) -> None:
    days = pd.date_range("2024-01-01", periods=40, freq="9D")
    data = table("sold,area,price", *(f"{day:%Y-%m-%d},{i},{day.month * 10 + i}" for i, day in enumerate(days)))
    options: dict[str, Any] = {"data": data, "features": ("sold", "area"), "label": "price", "estimator": LINEAR}
    model = train(**options, dates={"sold": ("year", "month", "weekday")})
    assert model.columns == (Column(name="sold", dtype="object"), Column(name="area", dtype="int64"))
    assert model.metrics["coef_sold_month"] == pytest.approx(10)
    assert [module.name for module in model.modules] == ["lading_dates.py"]
    sys.path.append(str(model.modules[0].parent))
    loaded = joblib.load(model.file)
    for day in ("2024-05-31", "2024-05-31T23:00:00-05:00", pd.Timestamp("2024-05-31")):
        assert loaded.predict(pd.DataFrame({"sold": [day], "area": [7]})) == pytest.approx([57])
    with pytest.raises(ValueError, match="sold: 'soon' is not a date such as 2024-05-31"):
        loaded.predict(pd.DataFrame({"sold": ["soon"], "area": [7]}))
    assert loaded[0].get_feature_names_out().tolist() == ["sold_year", "sold_month", "sold_weekday", "area"]
    with pytest.raises(lading.BadInput, match=r"a\.csv:2: column sold: '2024-01-01' is not a number: it is a date"):
        fit(**options)


@pytest.mark.usefixtures("forget_dates")
def test_a_cell_that_is_not_a_date_is_named(table: Callable[..., Path]) -> None:
    options: dict[str, Any] = {"features": ("sold",), "label": "y", "dates": {"sold": ("hour",)}}
    with pytest.raises(lading.BadInput, match=r"a\.csv:3: column sold: '31/05/2024' is not a date") as caught:
        fit(data=table("sold,y", "2024-05-31,1", "31/05/2024,2"), estimator=LINEAR, **options)
    assert "YYYY-MM-DD" in (caught.value.hint or "")
    missing = table("sold,y", "2024-05-31 10:00,1", ",2", "2024-05-31 12:00,2")
    with pytest.raises(lading.BadInput, match=r"a\.csv:3: column sold: a missing value, and LinearRegression"):
        fit(data=missing, estimator=LINEAR, **options)
    fitted = fit(data=missing, estimator=HIST, **options)
    assert fitted.samples[1]["request"] == {"data": [["2024-05-31T12:00:00"]]}
    assert fitted.schema is not None
    assert fitted.schema.example == {"sold": "2000-01-01T00:00"}  # so that the page asks for a time


def test_booleans_are_numbers_of_a_matrix(table: Callable[..., Path]) -> None:
    data = table("ok,y", *(f"{i % 2 == 0},{(i % 2 == 0) * 5 + 1}" for i in range(10)))
    fitted = fit(data=data, features=("ok",), label="y", estimator=LINEAR)
    assert fitted.columns == (("ok", "bool"),)
    assert fitted.model.predict([[0], [1]]) == pytest.approx([1, 6])
    kind = fit(data=data, features=("y",), label="ok", estimator="sklearn.tree.DecisionTreeClassifier")
    assert kind.metrics["train_f1"] == 1
    assert kind.samples[0]["response"] == [True]


def test_the_data_may_name_its_test_rows(train: Train, table: Callable[..., Path]) -> None:
    fitted = table("x,y", *(f"{i},{2 * i}" for i in range(9)), name="train.csv")
    held = table("y,x", "21,10", "23,11", "25.5,12", name="test.csv")
    model = train(data={"train": fitted, "test": held}, features=("x",), label="y", estimator=LINEAR)
    assert model.metrics["coef_x"] == pytest.approx(2)
    assert model.metrics["mae"] == pytest.approx((1 + 1 + 1.5) / 3)
    assert model.metrics["train_mae"] == pytest.approx(0)


@pytest.mark.slow
def test_rows_of_a_query_are_an_input_if_they_are_in_a_file_of_the_project(
    train: Train, context: FakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = sqlite3.connect(tmp_path / "homes.db")
    database.execute("CREATE TABLE homes (area REAL, price INTEGER)")
    database.executemany("INSERT INTO homes VALUES (?, ?)", [(i, 3 * i) for i in range(9)])
    database.commit()
    warnings: list[str] = []
    monkeypatch.setattr(FakeContext, "warn", lambda _self, message: warnings.append(message), raising=False)
    sql = Query(sql="SELECT area, price FROM homes", url=f"sqlite:///{tmp_path}/homes.db")
    options: dict[str, Any] = {"data": sql, "features": ("area",), "label": "price", "estimator": LINEAR}
    model = train(**options, project=tmp_path)
    assert model.metrics["coef_area"] == pytest.approx(3)
    assert model.reads is not None
    assert tmp_path / "homes.db" in model.reads
    assert warnings == []
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("INSERT INTO homes VALUES (10, 30)")
    database.commit()
    assert train(**options, project=tmp_path).reads is None
    database.close()
    assert train(**options, project=tmp_path / "train-0").reads is None
    assert ["the rows of a database can change" in warning for warning in warnings] == [True, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": {"train": Path("a.csv")}}, "data: an estimator is trained on a file, on {train: FILE"),
        ({"data": {"train": Path("a"), "test": Path("b")}, "test_size": 0.5}, "test_size: data has its own"),
        ({"data": Path("a.xlsx")}, r"data: a file \.xlsx is not read"),
        ({"data": {"train": Path("a.csv"), "test": Path("b.zip")}}, r"data\.test: a file \.zip is not read"),
        ({"label": ("y", "y")}, "label: a column is named twice"),
        ({"label": ("y", "x")}, "label: the column is also a feature"),
        ({"features": "x", "label": "x"}, "label: the column is also a feature"),
        ({"thousands": "."}, r"thousands: '\.' is the decimal mark too"),
        ({"thousands": ",", "decimal": ","}, "thousands: ',' is the decimal mark too"),
        ({"delimiter": "a"}, "delimiter: 'a' cannot separate cells"),
        ({"encoding": "utf-9"}, "encoding: no encoding utf-9"),
        ({"encoding": "hex"}, "encoding: no encoding hex"),
        ({"dates": {"z": ("year",)}}, r"dates\.z: it is not in the list of features"),
        ({"features": "x", "dates": {"x": ("year",)}}, r"dates\.x: it is not in the list of features"),
        ({"dates": {"x": ()}}, r"dates\.x: name each part once"),
        ({"dates": {"x": ("year", "year")}}, r"dates\.x: name each part once"),
        ({"features": ("x", "x_year"), "dates": {"x": ("year",)}}, "dates: a part has the name of another feature"),
    ],
)
def test_options_of_a_table_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SklearnOptions(**{"data": Path("a.csv"), "features": ("x",), "label": "y", "estimator": LINEAR, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decimal": ","}, "decimal: a script reads its own data"),
        ({"missing": ("?",)}, "missing: a script reads its own data"),
        ({"data": Query(sql="SELECT 1", url="sqlite://")}, "data: a script gets paths"),
        ({"data": Path("parts/*.csv")}, "data: a script gets paths"),
    ],
)
def test_options_of_a_table_are_not_for_a_script(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SklearnOptions(**{"data": Path("a.csv"), "script": Path("a.py"), **options})
    assert SklearnOptions(data={"sql": Path("a.sql"), "b": Path("c")}, script=Path("a.py"))


def test_an_evaluation_checks_its_cells_too() -> None:
    with pytest.raises(ValueError, match="encoding: no encoding utf-9"):
        SklearnEvaluation(encoding="utf-9")
