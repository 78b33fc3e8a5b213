"""Version 2 of the Open Inference Protocol, and the described types, with the default scoring script."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

import lading_bundle
from lading import Schema, SchemaColumn, SchemaOutput
from lading_serving.contract import Contract
from lading_serving.messages import Request
from lading_serving.script import Script
from lading_serving.spec import Limits

FRAME = pd.DataFrame({"age": [1.0, 2, 3, 4], "hours": [2.0, 1, 4, 3]})
SCHEMA = Schema(
    columns=(
        SchemaColumn(name="age", kind="number", nullable=True),
        SchemaColumn(name="hours", kind="category", categories=("few",)),
    ),
    outputs=(SchemaOutput(name="pay", kind="number"),),
    example={"age": 2.5, "hours": "few"},
)
AGE = LinearRegression().fit(FRAME, FRAME["age"])
FOREST = LogisticRegression().fit(FRAME.to_numpy(), ["low", "low", "high", "high"])
MODEL = "/v2/models/pay"
Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Ask]:
    """Serve a model with the default script. Returns a function that asks it."""

    def of(model: Any, **scoring: Any) -> Ask:
        folder = tmp_path / "azureml-models" / "pay" / "3"
        folder.mkdir(parents=True)
        joblib.dump(model, folder / "model.joblib")
        sources = Path(lading_bundle.__file__).parent
        script = shutil.copy(sources / "default_score.py", tmp_path / "score.py")
        shutil.copy(sources / "lading_rows.py", tmp_path)
        (tmp_path / "scoring.json").write_text(json.dumps({"model_file": "model.joblib", "columns": [], **scoring}))
        env = {"AML_APP_ROOT": str(tmp_path), "AZUREML_MODEL_DIR": str(folder)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AZUREML_MODEL_DIR", str(folder))
            loaded = Script(Path(script), 60)
            loaded.init()
        contract = Contract(loaded, env, Limits())

        def ask(path: str, body: Any = None, query: str = "") -> tuple[int, Any]:
            sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            method = "GET" if body is None else "POST"
            answer = contract(Request(method, path, query, {"content-type": "application/json"}, sent))
            return answer.status, json.loads(answer.body)

        return ask

    return of


def tensor(name: str, shape: list[int], data: list[Any], datatype: str = "FP64") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def test_health_and_the_model(serve: Callable[..., Ask]) -> None:
    ask = serve(AGE, schema=asdict(SCHEMA))
    assert ask("/v2/health/live") == (200, {"live": True})
    assert ask("/v2/health/ready") == (200, {"ready": True})
    assert ask(f"{MODEL}/ready") == (200, {"name": "pay", "ready": True})
    expected = {
        "name": "pay",
        "versions": ["3"],
        "platform": "sklearn",
        "inputs": [
            {"name": "age", "datatype": "FP64", "shape": [-1]},
            {"name": "hours", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [{"name": "pay", "datatype": "FP64", "shape": [-1]}],
    }
    assert ask(MODEL) == ask(f"{MODEL}/versions/3") == (200, expected)
    assert ask("/v2/models/other") == (404, {"error": "this service has no such model or address"})


def test_tensors_of_columns_or_of_rows(serve: Callable[..., Ask]) -> None:
    ask = serve(AGE)
    columns = [tensor("hours", [2], [44, 1]), tensor("age", [2, 1], [[30], [2]])]
    status, answer = ask(f"{MODEL}/infer", {"id": "42", "inputs": columns})
    assert status == 200
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("pay", "3", "42")
    (output,) = answer["outputs"]
    assert output == {"name": "output-0", "datatype": "FP64", "shape": [2], "data": pytest.approx([30, 2])}
    for data in ([30, 44, 2, 1], [[30, 44], [2, 1]]):
        status, answer = ask(f"{MODEL}/versions/3/infer", {"inputs": [tensor("rows", [2, 2], data)]})
        assert (status, answer["outputs"]) == (200, [output])


def test_other_datatypes_and_methods(serve: Callable[..., Ask]) -> None:
    ask = serve(FOREST)
    rows = [[1, 2], [4, 3]]
    body = {"inputs": [tensor("rows", [2, 2], rows)]}
    assert ask(f"{MODEL}/infer", body)[1]["outputs"][0] == tensor("output-0", [2], ["low", "high"], "BYTES")
    answer = ask(f"{MODEL}/infer", {**body, "parameters": {"method": "predict_proba"}})[1]["outputs"][0]
    assert answer == tensor("output-0", [2, 2], FOREST.predict_proba(rows).ravel().tolist())


TWO = LinearRegression().fit(FRAME.to_numpy(), FRAME.to_numpy() * 2)
OUTPUTS = Schema(shape=(None, 2), outputs=(SchemaOutput(name="pay"), SchemaOutput(name="days")))


def test_a_request_may_select_its_outputs(serve: Callable[..., Ask]) -> None:
    ask = serve(TWO, schema=asdict(OUTPUTS))
    body = {"inputs": [tensor("rows", [1, 2], [1, 3])]}
    names = [output["name"] for output in ask(f"{MODEL}/infer", body)[1]["outputs"]]
    assert names == ["pay", "days"]
    (output,) = ask(f"{MODEL}/infer", {**body, "outputs": [{"name": "days"}]})[1]["outputs"]
    assert output == tensor("days", [1], [pytest.approx(6)])
    for wrong, message in (
        ([{"name": "nope"}], "outputs[0]: the model has pay, days, not nope"),
        ([{"name": "pay", "top": 1}], "outputs[0] has the unknown key top"),
        ([{"name": "pay", "parameters": {"classification": 2}}], "outputs[0]: its parameters are not supported"),
        ({"name": "pay"}, "outputs: a list of objects is expected"),
    ):
        status, answer = ask(f"{MODEL}/infer", {**body, "outputs": wrong})
        assert (status, answer) == (400, {"error": message})


def test_a_model_of_one_column_has_one_name(serve: Callable[..., Ask]) -> None:
    ask = serve(LinearRegression().fit(FRAME[["age"]], FRAME["age"]))
    for name in ("age", "rows", "input-0"):
        status, answer = ask(f"{MODEL}/infer", {"inputs": [tensor(name, [2, 1], [30, 2])]})
        assert (status, answer["outputs"][0]["data"]) == (200, pytest.approx([30, 2]))


def test_a_single_input_of_one_dimension_is_a_column(serve: Callable[..., Ask]) -> None:
    ask = serve(LinearRegression().fit(FRAME[["age"]], FRAME["age"]))
    for name in ("age", "rows"):
        assert ask(f"{MODEL}/infer", {"inputs": [tensor(name, [2], [30, 2])]})[0] == 200
    status, answer = ask(f"{MODEL}/infer", {"inputs": [tensor("agee", [2], [30, 2])]})
    assert status == 400
    assert "missing: age; unknown: agee" in answer["error"]


@pytest.mark.parametrize(
    ("datatype", "data", "shown"),
    [
        ("INT64", [1, 1.5], "1.5"), ("INT64", [1, True], "true"), ("BOOL", [True, 5], "5"), ("BYTES", ["a", 5], "5"),
        ("FP64", [1, "2"], '"2"'), ("UINT8", [1, 256], "256"), ("UINT8", [0, -1], "-1"), ("INT8", [0, 128], "128"),
        ("FP32", [0.5, False], "false"),
    ],
)  # fmt: skip
def test_a_value_that_the_datatype_does_not_hold_is_named(
    serve: Callable[..., Ask], datatype: str, data: list[Any], shown: str
) -> None:
    message = f"inputs[0]: data[1] is {shown}, which is not a value of the datatype {datatype} (input age)"
    body = {"inputs": [tensor("age", [2], data, datatype)]}
    assert serve(AGE)(f"{MODEL}/infer", body) == (400, {"error": message})


def test_an_input_has_a_name(serve: Callable[..., Ask]) -> None:
    nameless = {"shape": [1, 2], "datatype": "INT64", "data": [1, 2]}
    ask = serve(AGE)
    for given in (nameless, {**nameless, "name": 5}):
        assert ask(f"{MODEL}/infer", {"inputs": [given]}) == (400, {"error": "inputs[0]: a name is expected"})


CLASSES = Schema(shape=(None, 2), outputs=(SchemaOutput(name="level", kind="category", classes=("high", "low")),))


@pytest.mark.parametrize(
    ("method", "output", "datatype", "shape", "item"),
    [
        ("predict", "probabilities", "BYTES", [-1], {"type": "string", "description": "such as high, low"}),
        ("predict_proba", "probabilities", "FP64", [-1, -1], {"type": "array", "items": {"type": "number"}}),
        ("predict_proba", "classes", "BYTES", [-1], {"type": "string", "description": "such as high, low"}),
        ("predict_proba", "records", "BYTES", [-1], {"type": "object", "additionalProperties": {"type": "number"}}),
        ("decision_function", "probabilities", "FP64", [-1], {}),
    ],
)
def test_the_outputs_are_those_of_the_method(
    serve: Callable[..., Ask], method: str, output: str, datatype: str, shape: list[int], item: Any
) -> None:
    ask = serve(FOREST, schema=asdict(CLASSES), method=method, output=output)
    assert ask(MODEL)[1]["outputs"] == [{"name": "level", "datatype": datatype, "shape": shape}]
    (given,) = ask(f"{MODEL}/infer", {"inputs": [tensor("rows", [2, 2], [1, 2, 4, 3])]})[1]["outputs"]
    assert (given["datatype"], len(given["shape"])) == (datatype, len(shape))
    swagger = ask("/swagger.json", query="version=3")[1]
    assert swagger["components"]["schemas"]["ServiceOutput"] == {"type": "array", "items": item}


def test_a_date_with_a_time_has_not_the_format_of_a_date(serve: Callable[..., Ask]) -> None:
    columns = tuple(SchemaColumn(name=name, kind="date") for name in ("age", "hours"))
    example = {"age": "2000-01-01", "hours": "2000-01-01T00:00"}
    ask = serve(AGE, schema=asdict(Schema(columns=columns, outputs=(SchemaOutput(),), example=example)))
    given = ask("/swagger.json", query="version=3")[1]["components"]["schemas"]["ServiceInput"]
    properties = given["properties"]["data"]["items"]["properties"]
    assert properties == {"age": {"type": "string", "format": "date"}, "hours": {"type": "string"}}


def test_the_only_input_of_a_model_of_two_columns_may_be_one_of_them(serve: Callable[..., Ask]) -> None:
    status, answer = serve(AGE)(f"{MODEL}/infer", {"inputs": [tensor("age", [2, 1], [30, 2])]})
    assert status == 400
    assert "missing: hours" in answer["error"]


def test_texts(serve: Callable[..., Ask]) -> None:
    ask = serve(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad"] * 5, [1, 0] * 5))
    body = {"inputs": [tensor("rows", [2], ["good", "bad"], "BYTES")]}
    assert ask(f"{MODEL}/infer", body)[1]["outputs"] == [tensor("output-0", [2], [1, 0], "INT64")]
    assert ask(MODEL)[1]["inputs"] == [{"name": "rows", "datatype": "BYTES", "shape": [-1]}]
    status, answer = ask(f"{MODEL}/infer", {"inputs": [tensor("rows", [1], [None], "BYTES")]})
    assert (status, answer) == (400, {"error": "data[0][0] is null, which the model does not take (value null)"})


def test_the_name_of_a_single_input_of_texts_does_not_count(serve: Callable[..., Ask]) -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad"] * 5, [1, 0] * 5)
    schema = Schema(columns=(SchemaColumn(name="review", kind="text"),), outputs=(SchemaOutput(),))
    ask = serve(model, columns=[{"name": "review", "dtype": "object"}], schema=asdict(schema))
    for name in ("input-0", "review"):
        status, answer = ask(f"{MODEL}/infer", {"inputs": [tensor(name, [2], ["good", "bad"], "BYTES")]})
        assert (status, answer["outputs"][0]["data"]) == (200, [1, 0])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"[" * 5000, "must not nest deeper"),
        ({}, "an object with a list of inputs"),
        ({"inputs": []}, "an object with a list of inputs"),
        ({"inputs": [1]}, "inputs[0]: an object is expected"),
        ({"inputs": [tensor("a", [1, 2], [1, 2])], "extra": 1}, "the body has the unknown key extra"),
        ({"inputs": [{**tensor("a", [1, 2], [1, 2]), "dtype": 1}]}, "inputs[0] has the unknown key dtype"),
        ({"inputs": [tensor("a", [1, 2], [1, 2])], "parameters": {"top": 1}}, "the only known one is method"),
        ({"inputs": [tensor("a", [1, 2], [1, 2], "FLOAT")]}, "FLOAT is not a datatype"),
        ({"inputs": [tensor("a", [1, 2], [1, 2], [])]}, "[] is not a datatype"),  # type: ignore[arg-type]
        ({"inputs": [tensor("a", [-1, 2], [1, 2])]}, "a list of sizes"),
        ({"inputs": [tensor("a", [2, 2], [1, 2])]}, "2 values do not have the shape [2, 2]"),
        ({"inputs": [tensor("age", [1], [1]), tensor("hours", [2], [1, 2])]}, "the input hours has the shape [2]"),
        ({"inputs": [tensor("age", [1], [1]), tensor("pay", [1], [1])]}, "missing: hours; unknown: pay"),
        ({"inputs": [tensor("a", [1, 2], ["1", "2"], "BYTES")]}, "data[0][0] is a string"),
        ({"inputs": [tensor("a", [0, 2], [])]}, "a list of rows is expected"),
    ],
)
def test_an_error_has_the_form_of_the_protocol(serve: Callable[..., Ask], body: Any, message: str) -> None:
    names = [{"name": name, "dtype": "float64"} for name in FRAME]
    status, answer = serve(AGE, columns=names)(f"{MODEL}/infer", body)
    assert status == 400
    assert answer.keys() == {"error"}
    assert message in answer["error"]


def test_the_description_has_the_types_and_an_example(serve: Callable[..., Ask]) -> None:
    ask = serve(AGE, schema=asdict(SCHEMA))
    asked = {"data": [SCHEMA.example]}
    for version, null in (("2", {"type": "number", "x-nullable": True}), ("3", {"type": "number", "nullable": True})):
        document = ask("/swagger.json", query=f"version={version}")[1]
        schemas = document["definitions"] if version == "2" else document["components"]["schemas"]
        rows = schemas["ServiceInput"]["properties"]["data"]["items"]
        assert rows["properties"] == {"age": null, "hours": {"type": "string", "description": "such as few"}}
        assert rows["required"] == ["age", "hours"]
        assert schemas["ServiceInput"]["example"] == asked
        assert schemas["ServiceOutput"] == {"type": "array", "items": {"type": "number"}}
    newest = ask("/swagger.json", query="version=3.1")[1]["components"]["schemas"]["ServiceInput"]
    assert newest["properties"]["data"]["items"]["properties"]["age"] == {"type": ["number", "null"]}
    assert newest["properties"]["method"] == {"type": "string", "enum": ["predict"]}


def test_the_description_of_a_finished_model(serve: Callable[..., Ask]) -> None:
    schemas = serve(FOREST, method="predict_proba")("/swagger.json")[1]["definitions"]
    row = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    assert schemas["ServiceInput"]["properties"]["data"] == {"type": "array", "items": row}
    assert schemas["ServiceOutput"]["items"] == {"type": "array", "items": {"type": "number"}}
    assert "low" not in json.dumps(schemas)
    assert np.unique(FOREST.classes_).tolist() == ["high", "low"]
