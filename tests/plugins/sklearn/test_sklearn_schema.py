"""The schema of a fitted model: what it takes and gives, and no value that only a few rows have."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from lading import Schema, SchemaColumn, SchemaOutput
from lading.model.schema import probe
from lading_sklearn.schema import schema_of, schema_of_model

ROWS = 60
PAY = np.array([10_000.25 + 137.5 * row for row in range(ROWS)])
AGE = np.array([100_003 + 11 * row for row in range(ROWS)])
CITY = np.array(["Oslo", "Rome", "Bergen"] * 19 + ["Xanadu", "Oslo", "Rome"], dtype=object)
NOTE = np.array([f"secret note {row}" for row in range(ROWS)], dtype=object)
GRADE = np.array(["low", "high"] * 29 + ["low", "unheard-of"], dtype=object)
COLUMNS = {"pay": PAY, "age": AGE, "city": CITY}


def of(model: Any, columns: dict[str, Any], answers: dict[str, Any], *, framed: bool = False) -> Schema:
    """Fit a model to the columns, and describe it."""
    is_text = any(values.dtype == object for values in columns.values())
    inputs = pd.DataFrame(columns) if is_text or framed else np.column_stack(list(columns.values()))
    values = list(answers.values())
    model.fit(inputs, values[0] if len(values) == 1 else np.column_stack(values))
    return schema_of(model, columns, inputs, answers)


def table() -> Any:
    encoder = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        make_column_transformer((encoder, ["city"]), remainder="passthrough"), HistGradientBoostingClassifier()
    )


def test_a_table_with_a_category() -> None:
    schema = of(table(), COLUMNS, {"grade": GRADE})
    assert schema.columns == (
        SchemaColumn(name="pay", kind="number", nullable=True),
        SchemaColumn(name="age", kind="integer", nullable=True),
        SchemaColumn(name="city", kind="category", nullable=True, categories=("Oslo", "Rome", "Bergen")),
    )
    assert schema.outputs == (SchemaOutput(name="grade", kind="category", classes=("low", "high")),)
    assert schema.is_framed
    assert schema.example["city"] == "Oslo"
    assert PAY.min() < schema.example["pay"] < PAY.max()


def test_no_value_of_a_few_rows_is_in_a_schema() -> None:
    columns = {**COLUMNS, "note": NOTE}
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city", "note"]), remainder="passthrough"),
        LogisticRegression(max_iter=10),
    )
    with pytest.warns(match="failed to converge"):
        schema = of(model, columns, {"grade": GRADE})
    assert schema.columns[3] == SchemaColumn(name="note", kind="text", nullable=True)
    text = json.dumps(asdict(schema))
    unique = [*PAY.tolist(), *AGE.tolist(), *NOTE.tolist(), "Xanadu", "unheard-of"]
    assert [value for value in unique if json.dumps(value).strip('"') in text] == []
    assert schema.example is not None


def test_a_value_that_many_rows_have_is_the_example() -> None:
    columns = {"x": np.array([7.5] * 10 + [1.0, 2.0]), "n": np.array([3] * 11 + [4])}
    schema = of(LinearRegression(), columns, {"y": np.arange(12.0)})
    assert schema.example == {"x": 7.5, "n": 3}
    assert schema.outputs == (SchemaOutput(name="y", kind="number"),)


@pytest.mark.parametrize("values", [np.arange(5), np.array([4]), np.array([1.0, 2.0, 4.0]), np.array([9.0])])
def test_an_example_is_never_a_rare_number(values: Any) -> None:
    schema = of(LinearRegression(), {"x": values}, {"y": np.zeros(len(values))})
    assert schema.example["x"] not in values.tolist()


def test_a_model_shows_where_it_takes_a_missing_value() -> None:
    numbers = {"pay": PAY, "age": AGE}
    assert [one.nullable for one in of(LinearRegression(), numbers, {"y": PAY}).columns] == [False, False]
    strict = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"), RandomForestRegressor(5)
    )
    assert [one.nullable for one in of(strict, COLUMNS, {"y": PAY}).columns] == [True, True, False]


def test_an_example_that_the_model_refuses_is_left_out() -> None:
    few = {"city": np.array(["a", "b"] * 4, dtype=object)}
    schema = of(make_pipeline(OneHotEncoder(), LinearRegression()), few, {"y": np.arange(8.0)})
    assert schema.columns == (SchemaColumn(name="city", kind="category"),)
    assert schema.example is None
    assert probe(schema) is None


def test_a_model_of_one_text() -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    labels = np.array(["good", "bad"] * 30, dtype=object)
    texts = pd.Series(NOTE)
    model.fit(texts, labels)
    schema = schema_of(model, {"note": NOTE}, texts, {"label": labels})
    outputs = (SchemaOutput(name="label", kind="category", classes=("bad", "good")),)
    assert schema == Schema(is_text=True, outputs=outputs, is_framed=True, example="text")
    assert probe(schema) == {"data": ["text"]}


def test_several_outputs() -> None:
    answers = {"a": PAY, "b": 2 * PAY}
    schema = of(LinearRegression(), {"age": AGE}, answers)
    assert [output.name for output in schema.outputs] == ["a", "b"]
    assert schema_of_model(RandomForestRegressor(5).fit(AGE.reshape(-1, 1), np.column_stack([PAY, PAY]))).outputs == (
        SchemaOutput(),
        SchemaOutput(),
    )


def test_a_model_alone_shows_its_columns_or_its_shape() -> None:
    frame = pd.DataFrame({"b": PAY, "a": AGE})
    assert schema_of_model(LinearRegression().fit(frame, PAY)) == Schema(
        columns=(SchemaColumn(name="b"), SchemaColumn(name="a")), outputs=(SchemaOutput(),), is_framed=True
    )
    assert schema_of_model(LinearRegression().fit(frame.to_numpy(), PAY)).shape == (None, 2)
    assert schema_of_model(object()) == Schema(outputs=(SchemaOutput(),))


def test_a_schema_is_rebuilt_from_json_and_without_values() -> None:
    schema = of(table(), COLUMNS, {"grade": GRADE})
    assert Schema.of(json.loads(json.dumps(asdict(schema)))) == schema
    bare = schema.without_values
    assert [column.kind for column in bare.columns] == ["number", "integer", "category"]
    assert "Oslo" not in json.dumps(asdict(bare))
    assert bare.outputs[0].classes == ()
    assert probe(bare) is None
