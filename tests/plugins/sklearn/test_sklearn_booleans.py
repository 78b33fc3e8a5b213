"""A column of booleans with missing cells still takes booleans in requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.plugins.sklearn.test_sklearn_tables_trained import HIST, IMPUTER, fit

from lading import SchemaColumn
from lading_bundle.lading_rows import Columns, parse
from lading_sklearn.fitting import Fitted
from lading_sklearn.options import Step

FILLED: dict[str, Any] = {
    "estimator": "sklearn.compose.ColumnTransformer",
    "params": {"transformers": [["fill", {"estimator": IMPUTER}, ["smoker", "age"]]]},
}
CODED: dict[str, Any] = {
    "estimator": "sklearn.compose.ColumnTransformer",
    "params": {"transformers": [["code", {"estimator": "sklearn.preprocessing.OneHotEncoder"}, ["smoker"]]]},
}
MODELS: dict[str, dict[str, Any]] = {
    "array": {"estimator": HIST},
    "frame": {"steps": (Step("fill", **FILLED), Step("model", "sklearn.linear_model.Ridge"))},
    "coded": {"steps": (Step("code", **CODED), Step("model", "sklearn.linear_model.Ridge"))},
}
SMOKERS = [True, None, False, True] * 20


def rows() -> list[dict[str, Any]]:
    return [{"smoker": one, "age": n, "pay": n + 100 * (one is True)} for n, one in enumerate(SMOKERS)]


def as_csv(file: Path) -> Path:
    lines = (",".join("" if cell is None else str(cell) for cell in row.values()) for row in rows())
    file.write_text("\n".join(["smoker,age,pay", *lines]))
    return file


def as_parquet(file: Path) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows()), file.with_suffix(".parquet"))
    return file.with_suffix(".parquet")


def answers(fitted: Fitted, *asked: Any) -> list[float]:
    """What the default script answers for rows with these values."""
    assert fitted.schema is not None
    recorded = [{"name": name, "dtype": dtype} for name, dtype in fitted.columns]
    columns = Columns(fitted.model, recorded, fitted.schema.served)
    body = json.dumps({"data": [{"smoker": value, "age": 40} for value in asked]})
    found: list[float] = fitted.model.predict(columns.inputs(columns.fitted(parse(body, "predict")))).tolist()
    return found


@pytest.mark.parametrize("write", [as_csv, as_parquet])
@pytest.mark.parametrize("model", MODELS)
def test_a_boolean_column_with_missing_cells_takes_booleans(tmp_path: Path, write: Any, model: str) -> None:
    fitted = fit(data=write(tmp_path / "a.csv"), features=("smoker", "age"), label="pay", **MODELS[model])
    assert fitted.schema is not None
    assert fitted.schema.columns[0] == SchemaColumn(name="smoker", kind="boolean", nullable=True)
    true, false, missing = answers(fitted, True, False, None)
    assert true > false
    assert answers(fitted, True) == [true]
    assert answers(fitted, 1, 0, None) == [true, false, missing]


def test_numbers_with_missing_cells_stay_numbers(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("smoker,age,pay\n" + "".join(f"{n % 2 if n % 3 else ''},{n},{n}\n" for n in range(40)))
    schema = fit(data=file, features=("smoker", "age"), label="pay", estimator=HIST).schema
    assert schema is not None
    assert schema.columns[0].kind == "number"
