"""The rows of a file as requests need them, for what is known of a model. No service is asked."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.hook_kit import a_version

from lading import BadInput, Column, Schema, SchemaColumn, SchemaOutput
from lading.cli.scoring import _request
from lading.model import Json
from lading.python.batch import reader_of
from lading.python.cells import USUAL, Form, kinds_of, labels_of, width_of
from lading.python.tables import Reader, is_table, with_own_encoding

FRAMED: dict[str, Any] = {  # what a training script records for a model that was fitted to a data frame
    "columns": (Column(name="age", dtype="object"), Column(name="zip", dtype="object")),
    "schema": Schema(columns=(SchemaColumn(name="age"), SchemaColumn(name="zip")), is_framed=True),
}
ARRAY: dict[str, Any] = {  # and for one that was fitted to an array
    "columns": (Column(name="x0", dtype="float64"), Column(name="x1", dtype="float64")),
    "schema": Schema(shape=(None, 2), outputs=(SchemaOutput(),)),
}
TEXT: dict[str, Any] = {"columns": (Column(name="zip", dtype="object"),), "schema": None}


def sent(file: Path, **known: Any) -> list[Json]:
    """The rows of a file as they are sent to a model."""
    model = a_version(file, **known)
    reader = Reader(file, kinds_of(model), Form.of(model), width=width_of(model), labels=labels_of(model))
    return [row.problem or row.value for row in reader.rows()]


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def of(text: str, name: str = "in.csv") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return of


def test_a_number_is_sent_to_a_column_of_which_the_training_knew_only_the_name(write: Any, tmp_path: Path) -> None:
    expected = [{"age": 30, "zip": 501}, {"age": 4.5, "zip": "X1"}]
    assert sent(write("age,zip\n30,501\n4.5,X1\n"), **FRAMED) == expected
    parquet.write_table(pa.table({"age": [30], "zip": [501]}), tmp_path / "in.pq")
    assert sent(tmp_path / "in.pq", **FRAMED) == [{"age": 30, "zip": 501}]
    assert sent(write("zip\n501\n"), **TEXT) == [{"zip": "501"}]
    known = Schema(columns=(SchemaColumn(name="zip", kind="category"),))
    assert sent(write("zip\n501\n"), columns=FRAMED["columns"], schema=known) == [{"zip": "501"}]


def test_a_model_without_names_gets_lists(write: Any, tmp_path: Path) -> None:
    assert sent(write("a,b\n1,2\n3,\n"), **ARRAY) == [[1, 2], [3, None]]
    assert sent(write('{"a": 1, "b": 2}\n{"b": 4, "a": 3}\n{"a": 5}\n[6, 7]\n', "in.json"), **ARRAY) == [
        [1, 2], [3, 4], "a row has a, b", [6, 7],
    ]  # fmt: skip
    parquet.write_table(pa.table({"a": [1], "b": [2.5]}), tmp_path / "in.parquet")
    assert sent(tmp_path / "in.parquet", **ARRAY) == [[1, 2.5]]
    assert sent(write("x1,id,x0\n1,2,3\n"), **ARRAY) == [{"x0": 3, "x1": 1}]


@pytest.mark.parametrize("own_script", [False, True, None])
def test_only_the_default_script_is_known_to_take_lists(write: Any, own_script: bool | None) -> None:
    file = write("a,b\n1,2\n")
    release = SimpleNamespace(model="pay", model_version=1, package_digest="d1")
    store = SimpleNamespace(
        models=SimpleNamespace(get=lambda *_: a_version(file, **ARRAY)),
        packages=SimpleNamespace(get=lambda *_: SimpleNamespace(own_script=own_script)),
    )
    service: Any = SimpleNamespace(session=SimpleNamespace(store=store))
    (row,) = reader_of(service, file, cast("Any", release)).rows()
    assert row.value == ([1, 2] if own_script is False else {"a": 1, "b": 2})


def test_the_label_of_a_model_without_names_is_not_sent(write: Any) -> None:
    label = Column(name="y", dtype="float64")
    assert sent(write("a,y,b\n1,9,2\n"), **ARRAY, label=label) == [[1, 2]]
    named = {**ARRAY, "schema": Schema(shape=(None, 2), outputs=(SchemaOutput(name="y"), SchemaOutput(name="z")))}
    assert sent(write("a,y,z,b\n1,9,9,2\n"), **named) == [[1, 2]]
    assert sent(write("a,y\n1,9\n"), **ARRAY, label=label) == [[1, 9]]


def test_another_number_of_columns_is_one_error(write: Any) -> None:
    for header in ("a", "a,b,y"):
        with pytest.raises(BadInput, match=rf"in\.csv has the columns {', '.join(header.split(','))}, and the model"):
            sent(write(f"{header}\n{header}\n"), **ARRAY)


def test_only_a_doubled_name_that_is_sent_is_refused(write: Any) -> None:
    assert sent(write("age,,,zip\n1,x,y,2\n"), **FRAMED) == [{"age": 1, "zip": 2}]
    for header, known in (("age,zip,age", FRAMED), ("age,b,b", FRAMED), ("a,b,b", TEXT)):
        with pytest.raises(BadInput, match=r"in\.csv:1: the column \w+ exists 2 times"):
            sent(write(f"{header}\n1,2,3\n"), **known)
    assert sent(write("a,a\n1,2\n"), **ARRAY) == [[1, 2]]
    (row,) = Reader(write("a,,a,,a.1\n1,2,3,4,5\n")).rows()
    assert row.cells == {"a": "1", "": "2", "a.2": "3", ".1": "4", "a.1": "5"}  # no cell is lost in the output


def test_a_file_without_a_header_is_refused(write: Any) -> None:
    with pytest.raises(BadInput, match=r"in\.csv:1: the file is empty"):
        sent(write(""), **FRAMED)


def test_a_cell_can_be_long(write: Any) -> None:
    text = "long " * 40_000
    assert sent(write(f"zip\n{text}\n"), **TEXT) == [{"zip": text}]


KNOWN: dict[str, Any] = {
    "columns": (Column(name="age", dtype="float64"), Column(name="zip", dtype="object")),
    "schema": Schema(
        columns=(SchemaColumn(name="age", kind="number"), SchemaColumn(name="zip", kind="category")), encoding="cp1252"
    ),
}


def test_a_json_line_without_a_known_column_has_a_missing_value_there(write: Any) -> None:
    file = write('{"age": 1, "pay": 5}\n{"age": 2, "zip": "A", "pay": 6}\n{"pay": 7}\n', "in.jsonl")
    assert sent(file, **KNOWN) == [{"age": 1, "zip": None}, {"age": 2, "zip": "A"}, {"age": None, "zip": None}]
    wrong = write('{"age": 1, "Zip": "A"}\n', "wrong.jsonl")
    assert sent(wrong, **KNOWN) == [{"age": 1, "Zip": "A"}]  # the service reports the name that is wrong


def test_a_column_of_text_gets_text_from_a_file_with_types(write: Any, tmp_path: Path) -> None:
    file = write('{"age": 1, "zip": 501}\n{"age": "x", "zip": 2.5}\n{"age": "", "zip": true}\n', "in.jsonl")
    assert [row["zip"] for row in sent(file, **KNOWN)] == ["501", "2.5", "True"]
    parquet.write_table(pa.table({"age": [1.0, 2.0], "zip": [2.5, None]}), tmp_path / "in.pq")
    assert sent(tmp_path / "in.pq", **KNOWN) == [{"age": 1, "zip": "2.5"}, {"age": 2, "zip": None}]


def test_the_encoding_of_the_training_reads_json_lines_too(tmp_path: Path) -> None:
    for name in ("in.jsonl", "in.json"):
        (tmp_path / name).write_bytes(2 * '{"age": 1, "zip": "Köln"}\n'.encode("cp1252"))
        assert is_table(tmp_path / name)
        assert sent(tmp_path / name, **KNOWN) == 2 * [{"age": 1, "zip": "Köln"}]


def test_the_encoding_that_a_damaged_file_shows_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes('{"age": 1, "zip": "Köln"}\n'.encode("utf-16") + b"\x01")
    with pytest.raises(BadInput, match="not UTF-16 after line") as caught:
        sent(tmp_path / "in.jsonl", **KNOWN)
    assert caught.value.hint == "save it as CP1252"


JSON = {
    '{"x": 1}\n{"x": 2}\n': True,
    '{"data": [[1]]}\n': False,
    '{\n  "data": [[1]]\n}\n': False,
    '[{"x": 1}]\n\n': False,
    "": False,
    '{"x": 1}\n\n': False,
}


def test_a_json_file_with_several_objects_is_a_table(write: Any) -> None:
    assert {text: is_table(write(text, "in.json")) for text in JSON} == JSON
    assert [is_table(write("", name)) for name in ("a.pq", "a.json.csv", "a.jsonl", "a.txt")] == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_shows_its_encoding(tmp_path: Path, encoding: str) -> None:
    for text, expected in JSON.items():
        (tmp_path / "in.json").write_bytes(text.encode(encoding))
        assert is_table(tmp_path / "in.json") == expected, text
    row = {"age": 1, "zip": "Köln"}
    (tmp_path / "one.json").write_bytes(json.dumps(row, ensure_ascii=False).encode(encoding))
    assert _request(f"@{tmp_path / 'one.json'}") == row
    for name, text in (("in.jsonl", 2 * f"{json.dumps(row)}\n"), ("in.csv", "age,zip\n1,Köln\n1,Köln\n")):
        (tmp_path / name).write_bytes(text.encode(encoding))
        assert sent(tmp_path / name, **KNOWN) == 2 * [row]
        form = with_own_encoding(tmp_path / name, USUAL)
        assert form.encoding == encoding.removesuffix("-sig")
