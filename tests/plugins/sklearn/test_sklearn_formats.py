"""Tables in other formats than one CSV file: Parquet, JSON lines, gzip, several files and queries."""

from __future__ import annotations

import gzip
import json
import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet
from tests.plugins.sklearn.tables_kit import read, typed_columns

import lading
from lading.python.cells import Form
from lading.python.tables import Reader
from lading_sklearn.cells import Reading
from lading_sklearn.dates import date_column
from lading_sklearn.intake import Takes
from lading_sklearn.table import Table, read_table

ROWS: list[dict[str, Any]] = [{"x": 1, "y": 2.5, "ok": True, "town": "Oslo"}, {"x": 3, "y": None, "ok": False}]
READ = {"x": [1, 3], "y": [2.5, "nan"], "ok": [True, False], "town": ["Oslo", "nan"]}


def shown(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: ["nan" if cell != cell else cell for cell in cells] for name, cells in columns.items()}


def write_parquet(file: Path) -> None:
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), file)


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz", "a.csv.gz", "a.tsv", "a.parquet"])
def test_a_table_has_the_format_of_its_name(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    texts = {
        "a.jsonl": "".join(f"{json.dumps(row)}\n" for row in ROWS),
        "a.csv": "x,y,ok,town\n1,2.5,True,Oslo\n3,,False,\n",
        "a.tsv": "x\ty\tok\ttown\n1\t2.5\tTrue\tOslo\n3\t\tFalse\t\n",
    }
    texts["a.ndjson"] = texts["a.jsonl"].replace("\n", "\n\n")
    if name == "a.parquet":
        write_parquet(file)
    else:
        content = texts[name.removesuffix(".gz")].encode()
        file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert shown(typed_columns(read_table(str(file), list(READ), Reading()), *READ)) == READ


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"x": 1}\n[1]\n', "a.jsonl:2: not a JSON object"),
        ("a.jsonl", b'{"x": 1}\n{x}\n', "a.jsonl:2: not JSON"),
        ("a.jsonl", b'{"y": 1}\n{"y": 2}\n', "no column x"),
        ("a.jsonl", b'{"x": 1}\n{"x": [1]}\n', "a.jsonl:2: column x: a value of the type list"),
        ("a.jsonl", b'{"x": 1}\n{"x": "2"}\n', "a.jsonl:2: column x: '2' is not a number"),
        ("a.jsonl", b'{"x": 1}\n{"x": 1e999}\n', "a.jsonl:2: column x: 'inf' is not finite"),
        ("a.jsonl", b'{"x": 1}\n{"x": true}\n', "a.jsonl:2: column x: 'True' is not a number"),
        ("a.csv.gz", b"x\n1\n", "not a complete gzip file"),
        ("a.csv.gz", gzip.compress(b"x\n1\n2\n", mtime=0)[:-9], "not a complete gzip file"),
        ("a.parquet", b"x\n1\n", "not a Parquet file"),
    ],
)
def test_other_formats_that_are_not_a_table(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(lading.BadInput) as caught:
        read(tmp_path, content, "x", name=name)
    assert message in caught.value.message


def test_a_parquet_file_has_dates_sentinels_and_rows(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    file = tmp_path / "a.parquet"
    rows = {"x": [1.5, -999.0, 2.5], "day": [date(2024, 5, 31), None, date(2024, 6, 1)], "n": [1, 2, 3]}
    parquet.write_table(pyarrow.table(rows), file)
    table = read_table(str(file), ["x", "day", "n"], Reading())
    assert shown(typed_columns(table, "x", "n", missing=("-999",))) == {"x": [1.5, "nan", 2.5], "n": [1, 2, 3]}
    assert date_column(table.cells("day"), "", Reading()).astype(str).tolist()[:2] == [
        "2024-05-31T00:00:00.000000",
        "NaT",
    ]
    with pytest.raises(lading.BadInput, match=r"a\.parquet: row 1: column day: it is a date"):
        typed_columns(table, "day")
    with pytest.raises(lading.BadInput, match=r"a\.parquet: row 2: column x: a missing value, and Ridge takes none"):
        typed_columns(table, "x", takes=Takes(no_missing="Ridge"), missing=("-999",))


@pytest.mark.parametrize("zone", ["+02:00", "Asia/Tokyo", "UTC", None])
def test_a_time_with_a_zone_has_the_date_that_scoring_gets(tmp_path: Path, zone: str | None) -> None:
    file, moment = tmp_path / "a.parquet", datetime(2024, 5, 31, 22, 30, tzinfo=UTC)
    times = pyarrow.array([moment, None], pyarrow.timestamp("ns", zone))
    parquet.write_table(pyarrow.table({"day": times}), file)
    trained = date_column(read_table(str(file), ["day"], Reading()).cells("day"), "", Reading()).tolist()
    scored = [row.value for row in Reader(file, columns={"day": "date"}).rows()]
    assert isinstance(scored[0], dict)
    assert scored[1] == {"day": None}
    assert trained == [datetime.fromisoformat(scored[0]["day"]).replace(tzinfo=None), None]


def test_a_word_for_a_missing_value_means_the_same_in_each_format(tmp_path: Path) -> None:
    words, numbers = ("-999", " ?"), [-999, -999.0, 5]
    parquet.write_table(pyarrow.table({"x": [float(number) for number in numbers]}), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("".join(f'{{"x": {number}}}\n' for number in numbers))
    (tmp_path / "a.csv").write_text("x\n-999\n-999.0\n5\n")
    (tmp_path / "b.csv").write_text("x\n ? \n-9.99e2\n5\n")
    for file in sorted(tmp_path.iterdir()):
        reading = Reading(missing=words)
        table = read_table(str(file), ["x"], reading)
        form = Form(missing=frozenset(("", *words)), named=frozenset(reading.forms()["missing"]), is_stripped=True)
        scored = [row.value for row in Reader(file, columns={"x": "number"}, form=form).rows()]
        assert shown(typed_columns(table, "x", missing=words)) == {"x": ["nan", "nan", 5]}, file.name
        assert scored == [{"x": None}, {"x": None}, {"x": 5}], file.name


@pytest.mark.parametrize(
    ("value", "is_missing"),
    [
        ("-999", True), ("-999.0", True), (" -999 ", True), (-999, True), (-999.0, True), (Decimal(-999), True),
        ("?", True), (" ?", True), (999, False), ("999", False), (True, False), ("1", True), (1, True), ("-", False),
        ("-1.000", True), ("-1000,0", True), ("-1", False), (None, False), (float("nan"), False), (date.max, False),
        ("01", False), ("1,0", True),
    ],
)  # fmt: skip
def test_named_words_are_compared_by_text_and_by_number(value: Any, is_missing: bool) -> None:
    assert (value in lading.NamedWords(["-999", " ?", "1", "-1.000", "nan"], ",", ".")) is is_missing
    assert value not in lading.NamedWords([])


@pytest.mark.parametrize("value", ["0", 0, 0.0, "7", 7])
def test_a_word_that_is_a_code_is_not_a_number(value: Any) -> None:
    assert value not in lading.NamedWords(["000", "007"])
    assert "007" in lading.NamedWords(["007"])


def test_a_pattern_is_one_table_and_a_wrong_cell_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("y,x\n30,3\n40,four\n")
    (tmp_path / "a.csv").write_text("x,y\n1,10\n2,20\n")
    table = read_table(str(tmp_path / "*.csv"), ["x", "y"], Reading())
    assert typed_columns(table, "y") == {"y": [10, 20, 30, 40]}
    with pytest.raises(lading.BadInput, match=r"b\.csv:3: column x: 'four' is not a number"):
        typed_columns(table, "x")
    (tmp_path / "c.csv").write_text("x\n1\n")
    with pytest.raises(lading.BadInput, match=r"c\.csv:1: no column y"):
        read_table(str(tmp_path / "*.csv"), ["x", "y"], Reading())


def test_csv_and_other_files_are_not_one_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.jsonl").write_text('{"x": 1}\n')
    with pytest.raises(lading.BadInput, match="cannot be one table"):
        read_table(str(tmp_path / "*"), ["x"], Reading())


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    database = sqlite3.connect(tmp_path / "homes.db")
    database.execute("CREATE TABLE homes (area REAL, town TEXT, price INTEGER)")
    database.executemany("INSERT INTO homes VALUES (?, ?, ?)", [(50.5, "Oslo", 100), (None, "a%b", 200)])
    database.commit()
    database.close()
    return tmp_path / "homes.db"


def query(sql: str, url: str, base: Path = Path()) -> Table:
    return read_table({"sql": sql, "url": url}, ["area", "town"], Reading(), base)


@pytest.mark.parametrize("url", ["sqlite:///homes.db", "sqlite:///{folder}/homes.db"])
def test_a_query_is_a_table(homes: Path, url: str) -> None:
    sql = "SELECT town, area FROM homes WHERE town LIKE '%' AND price > 0 -- :x 50%"
    table = query(sql, url.format(folder=homes.parent), homes.parent)
    assert shown(typed_columns(table, "area", "town")) == {"area": [50.5, "nan"], "town": ["Oslo", "a%b"]}
    with pytest.raises(lading.BadInput, match="the query: row 2: column area: a missing value, and Ridge takes none"):
        typed_columns(table, "area", takes=Takes(no_missing="Ridge"))


@pytest.mark.parametrize(
    ("sql", "url", "kind", "message"),
    [
        ("SELECT 1 AS area", "sqlite:///homes.db", lading.BadInput, "the query: no column town"),
        ("SELECT * FROM flats", "sqlite:///homes.db", lading.StageFailed, "the query failed: no such table: flats"),
        ("SELECT * FROM homes WHERE price = 7", "sqlite:///homes.db", lading.BadInput, "the query: too few rows: 0"),
        ("SELECT 1", "sqlite:///gone.db", lading.BadInput, "no database"),
        ("SELECT 1", "nothing://host/db", lading.BadInput, "not an address of a database"),
        ("SELECT 1", "sqlite:////proc", lading.Transient, "cannot connect to the database: unable to open"),
        ("SELECT 1", "postgresql+nodriver://u:hush@host/db", lading.BadInput, "not an address of a database"),
    ],
)
def test_a_query_that_is_not_a_table(homes: Path, sql: str, url: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        query(sql, url, homes.parent)
    assert message in str(caught.value)
    assert "hush" not in str(caught.value)
    assert not (homes.parent / "gone.db").exists()
