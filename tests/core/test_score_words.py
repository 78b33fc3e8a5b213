"""Missing words and names of columns in files of rows that `lading score` reads and writes."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import click
import pytest
from pyarrow import parquet
from tests.conftest import ROOT, Shell
from tests.core.test_score_files import rows_of

from lading.cli.scoring import score
from lading.model import Schema, SchemaColumn
from lading.python import cells, tables
from lading.python.cells import USUAL, Form
from lading.python.formats import FORMATS, GZIP

MANIFEST = """\
version: 1
name: homes
train:
  data: train.csv
  missing: ["?", none]
  features: [size, town]
  label: [price, days]
  steps:
    - name: columns
      estimator: sklearn.compose.ColumnTransformer
      params:
        transformers:
          - [numbers, {estimator: sklearn.impute.SimpleImputer}, [size]]
          - [town, {estimator: sklearn.preprocessing.OneHotEncoder, params: {handle_unknown: ignore}}, [town]]
    - {name: model, estimator: sklearn.linear_model.LinearRegression}
targets: {local: {port: 0}}
"""
ROWS = "size,town,price,days\n1,Oslo,10,100\n?,Rome,20,200\nNA,,30,300\n4,none,40,400\n5,Rome,50,500\n"


@pytest.fixture
def homes(shell: Shell) -> Shell:
    shell.write("lading.yaml", MANIFEST)
    shell.write("train.csv", ROWS)
    shell("deploy")
    return shell


@pytest.mark.slow
def test_missing_words_are_those_of_the_training(homes: Shell) -> None:
    homes.write("in.csv", "id,size,town\n1,,\n2,NA,N/A\n3,?,none\n4,null,<NA>\n5,1,Oslo\n")
    homes("score", "-d", "@in.csv", "-o", "out.csv")
    found = rows_of(homes.folder / "out.csv")
    assert list(found[0]) == ["id", "size", "town", "prediction_price", "prediction_days"]
    assert [row["size"] for row in found] == ["", "NA", "?", "null", "1"]  # as they were written
    *missing, known = [(float(row["prediction_price"]), float(row["prediction_days"])) for row in found]
    assert missing == [pytest.approx(missing[0])] * 4
    assert known == pytest.approx((10, 100))

    homes.write("none.csv", "id,size,town\n")
    for name in ("none.out.csv", "none.out.parquet"):
        homes("score", "-d", "@none.csv", "-o", name)
    names = ["id", "size", "town", "prediction_price", "prediction_days"]
    assert (homes.folder / "none.out.csv").read_text() == f"{','.join(names)}\n"
    assert parquet.read_table(homes.folder / "none.out.parquet").column_names == names
    homes("score", "-d", "@none.out.parquet", "-o", "again.csv")
    assert (homes.folder / "again.csv").read_text().startswith("id,size,town,")


def test_a_word_is_missing_only_in_a_column_that_is_known() -> None:
    schema = Schema(columns=(SchemaColumn(name="x", kind="category"),), missing=("?",))
    assert Schema.of({"columns": [], "outputs": [], "shape": [], "missing": ["?"]}) == Schema(missing=("?",))
    assert Schema.of({"columns": [], "outputs": [], "shape": []}) == Schema()
    assert schema.without_values.missing == ("?",)
    assert cells.from_text("NA", "category") == "NA"
    assert cells.from_text("NA", "category", Form(missing=frozenset(("NA",)))) is None


EXPORTED = """\
version: 1
name: prices
train:
  data: train.csv
  delimiter: ";"
  decimal: ","
  thousands: "."
  encoding: cp1252
  missing: [-1]
  features: [size, town]
  label: price
  steps:
    - name: columns
      estimator: sklearn.compose.ColumnTransformer
      params:
        transformers:
          - [numbers, {estimator: sklearn.impute.SimpleImputer, params: {strategy: constant, fill_value: 0}}, [size]]
          - [town, {estimator: sklearn.preprocessing.OneHotEncoder, params: {handle_unknown: ignore}}, [town]]
    - {name: model, estimator: sklearn.tree.DecisionTreeRegressor}
targets: {local: {port: 0}}
"""
HOMES = {("1.000,5", "Köln"): 1000.5, ("2,5", "Köln"): 2.5, ("-1", "Köln"): 7.25, ("2,5", "Åre"): 40.0}


@pytest.mark.slow
def test_a_file_is_read_and_written_in_the_form_of_the_training(shell: Shell) -> None:
    lines = [f"{size}; {town} ;{str(price).replace('.', ',')}" for (size, town), price in HOMES.items()]
    shell.write("lading.yaml", EXPORTED.replace("[-1]", '["-1"]'))
    (shell.folder / "train.csv").write_text("\n".join(["size;town;price", *lines]), encoding="cp1252")
    shell("deploy")
    rows = "\n".join(["id; size ;town", *(f"a;{size}; {town}" for size, town in HOMES)])
    (shell.folder / "in.csv").write_text(rows, encoding="cp1252")
    shell("score", "-d", "@in.csv", "-o", "out.csv")
    written = (shell.folder / "out.csv").read_text(encoding="cp1252").splitlines()
    assert written[0] == "id;size;town;prediction"
    assert written[1:] == [f"a;{size}; {town};{str(price).replace('.', ',')}" for (size, town), price in HOMES.items()]
    shell("score", "-d", "@out.csv", "-o", "typed.parquet")
    table = parquet.read_table(shell.folder / "typed.parquet").to_pylist()
    assert [(row["size"], row["prediction_prediction"]) for row in table] == [
        (1000.5, 1000.5), (2.5, 2.5), (-1, 7.25), (2.5, 40)
    ]  # fmt: skip
    shell("score", "-d", "@typed.parquet", "-o", "typed.jsonl")  # -1 is a missing value here too
    records = [json.loads(line) for line in (shell.folder / "typed.jsonl").read_text("utf-8").splitlines()]
    assert [row["prediction_prediction"] for row in records] == list(HOMES.values())
    shell.write("comma.csv", "size,town\n1,Köln\n")
    refused = shell("score", "-d", "@comma.csv", "-o", "no.csv", code=2).err
    assert "comma.csv:1: the columns are separated by ',', and those of the training by ';'" in refused
    (shell.folder / "newer.csv").write_text("size;town\n2,5;Åre\n", encoding="utf-8")
    shell("score", "-d", "@newer.csv", "-o", "out.csv")
    assert (shell.folder / "out.csv").read_text("utf-8").splitlines()[1:] == ["2,5;Åre;40,0"]
    shell.write("polish.jsonl", json.dumps({"size": 2.5, "town": "Łódź"}))
    warned = shell("score", "-d", "@polish.jsonl", "-o", "polish.csv").err
    assert "polish.csv is UTF-8: cp1252, the encoding of the training data, has no 'Ł'" in warned
    assert (shell.folder / "polish.csv").read_text("utf-8").startswith("size;town;prediction\n2,5;Łódź;")
    (shell.folder / "wrong.csv").write_bytes(b"size;town\n1;\x81\n")  # cp1252 has no such byte
    assert "wrong.csv: not CP1252" in shell("score", "-d", "@wrong.csv", "-o", "no.csv", code=2).err
    (shell.folder / "wrong.jsonl").write_bytes(b'{"size": 1, "town": "\x81"}\n')
    assert "wrong.jsonl: not CP1252" in shell("score", "-d", "@wrong.jsonl", "-o", "no.csv", code=2).err


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,5", 1234.5), ("1.234", 1234), ("-2,50", -2.5), ("1.5", "1.5"), ("1.23,4", "1.23,4"), ("true", True),
        ("?", None), ("NaN", None), ("1e3", 1000), ("12 kg", "12 kg"), ("1,234.5", "1,234.5"),
    ],
)  # fmt: skip
def test_a_number_has_the_marks_of_the_training(text: str, value: object) -> None:
    form = Form(missing=frozenset(("?",)), decimal=",", thousands=".", is_stripped=True)
    assert cells.from_text(text, "number", form) == value
    assert cells.from_text(text, "text", form) == (None if value is None else text)


def test_a_named_word_is_missing_in_a_file_with_types_too() -> None:
    form = Form(missing=frozenset(("", "-999", "none")), named=frozenset(("-999", "none")))
    found = [cells.from_value(value, "", form) for value in (-999, -999.0, "none", 999, True, "", None)]
    assert found == [None, None, None, 999, True, "", None]


def test_a_tsv_file_has_tabs(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("x\ty\n1\t2\n")
    assert [row.cells for row in tables.Reader(tmp_path / "in.tsv").rows()] == [{"x": "1", "y": "2"}]
    assert tables.is_table(tmp_path / "in.tsv.gz")


@pytest.mark.parametrize(
    ("content", "used"),
    [
        ("town\nKöln\n".encode(), "utf-8"),
        ("town\nKöln\n".encode("utf-8-sig"), "utf-8"),
        ("town\nKöln\n".encode("cp1252"), "cp1252"),
        (b"town\nBonn\n", "cp1252"),
        (b"town\n" + (1 << 19) * "ä\n".encode() + b"\xe4\n", "cp1252"),  # not UTF-8 at its end only
        ("town\nä".encode()[:-1], "cp1252"),
    ],
    ids=["utf-8", "a mark", "cp1252", "ascii", "utf-8 and more", "half a character"],
)
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.jsonl"])
def test_a_file_of_utf_8_is_known_by_its_bytes(tmp_path: Path, content: bytes, used: str, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert tables.with_own_encoding(file, Form(encoding="cp1252")) == Form(encoding=used)
    assert tables.with_own_encoding(file, USUAL) == USUAL


def test_the_form_of_the_training_does_not_hide_the_mark_of_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("town\nZürich\n", encoding="utf-8-sig")
    (row,) = tables.Reader(file, form=Form(encoding="cp1252")).rows()
    assert row.cells == {"town": "Zürich"}


def test_names_of_columns_have_their_spaces_if_the_training_read_no_cells(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("a,a \n1,2\n")
    (row,) = tables.Reader(file).rows()
    assert row.cells == {"a": "1", "a ": "2"}


def test_a_package_does_not_depend_on_the_form_of_a_file() -> None:
    plain = Schema(columns=(SchemaColumn(name="a"),))
    assert plain.served == replace(plain, delimiter=";", decimal=",", thousands=".", encoding="cp1252").served
    assert "delimiter" not in plain.served


@pytest.mark.parametrize("ending", [*FORMATS, GZIP])
def test_the_help_and_the_page_name_each_ending_of_a_file(ending: str) -> None:
    (data,) = (each for each in score.params if each.name == "data" and isinstance(each, click.Option))
    page = (ROOT / "docs/how-to/score-files.md").read_text().partition("## The files")[2].partition("\n- ")[0]
    assert re.search(rf"{re.escape(ending)}\b", data.help or "")
    assert f"`{ending}`" in page
