"""Tables in a manifest: the problems at their line, the cache key, and the way to an evaluation."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from tests.conftest import Shell

from lading.base.matching import file_pattern, matching_files

MANIFEST = """\
version: 1
name: homes
train:
  data: DATA
  features: [area]
  label: price
  estimator: sklearn.linear_model.LinearRegression
"""


def declare(shell: Shell, data: str, more: str = "") -> None:
    shell.write("lading.yaml", MANIFEST.replace("DATA", data) + more)


def rows(*numbers: int) -> str:
    return "area,price\n" + "".join(f"{number},{3 * number}\n" for number in numbers)


def trains(shell: Shell, **variables: Any) -> bool:
    return "train: started" in shell("train", **variables).err


def runs(shell: Shell) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(shell.folder / ".lading" / "store.db")) as database:
        return [json.loads(row) for (row,) in database.execute("SELECT record FROM runs ORDER BY seq")]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("parts/*.parquet", "lading.yaml:4:9: train.data: no file matches parts/*.parquet"),
        ("{train: parts/a.csv, test: 'b*.csv'}", "lading.yaml:4:36: train.data.test: no file matches b*.csv"),
        ("{fit: parts/a.csv, test: parts/a.csv}", "lading.yaml:4:3: train.data: an estimator is trained on a file"),
        ("{sql: SELECT 1, url: '${DATABASE_URL}'}", "lading.yaml:4:30: train.data.url: the environment variable DATAB"),
        ("{sql: SELECT 1, url: 5}", "lading.yaml:4:30: train.data.url: expected text, found 5"),
        ("{sql: SELECT 1, url: homes.db}", "lading.yaml:4:30: train.data.url: not an address such as postgresql"),
    ],
)
def test_data_that_cannot_be_read_is_reported_at_its_line(shell: Shell, data: str, problem: str) -> None:
    shell.write("parts/a.csv", rows(1, 2))
    declare(shell, data)
    assert problem in shell("check", code=2).err


@pytest.mark.parametrize(
    "text", ["a [b]/*.csv", "HERE/a [b]/*.csv", "../PROJECT/a [b]/*.csv", "a [b]/../a [b]/[xy].csv"]
)
def test_the_name_of_a_folder_that_exists_is_not_a_pattern(shell: Shell, text: str) -> None:
    shell.write("a [b]/x.csv", rows(1, 2))
    shell.write("a b/y.csv", rows(3, 4))
    pattern = file_pattern(shell.folder, text.replace("HERE", str(shell.folder)).replace("PROJECT", shell.folder.name))
    assert [file.resolve() for file in matching_files(pattern)] == [shell.folder.resolve() / "a [b]/x.csv"]


@pytest.mark.slow
def test_a_new_file_that_a_pattern_matches_trains_again(shell: Shell) -> None:
    shell.write("[parts]/a.csv", rows(1, 2))
    shell.write("[parts]/b.csv", rows(3, 4))
    declare(shell, "'[[]parts]/*.csv'")
    assert trains(shell)
    assert not trains(shell)
    assert list(runs(shell)[0]["inputs"]) == ["[parts]/a.csv", "[parts]/b.csv"]
    shell.write("[parts]/c.csv", rows(9, 10))
    (stage, *_others) = shell("plan", "--json").json()["stages"]
    assert [change["field"] for change in stage["changes"]] == ["train.data.[parts]/c.csv"]
    assert trains(shell)


@pytest.mark.slow
def test_a_changed_row_of_a_database_trains_again(shell: Shell) -> None:
    with closing(sqlite3.connect(shell.folder / "homes.db")) as database:
        database.execute("CREATE TABLE homes (area REAL, price INTEGER)")
        database.executemany("INSERT INTO homes VALUES (?, ?)", [(i, 3 * i) for i in range(9)])
        database.commit()
    declare(shell, "{sql: 'SELECT * FROM homes', url: 'sqlite:///homes.db'}")
    assert trains(shell)
    assert not trains(shell)
    with closing(sqlite3.connect(shell.folder / "homes.db")) as database:
        database.execute("UPDATE homes SET price = 40 WHERE area = 8")
        database.commit()
    assert trains(shell)
    first, second = runs(shell)
    assert first["metrics"]["coef_area"] == pytest.approx(3)
    assert second["metrics"]["coef_area"] > 3.5
    declare(shell, "{sql: SELECT * FROM flats, url: 'sqlite:///homes.db'}")
    assert "the query failed: no such table: flats" in shell("train", code=6).err


def test_the_password_of_a_database_is_not_recorded(shell: Shell) -> None:
    declare(shell, "{sql: SELECT 1, url: '${DATABASE_URL}'}")
    failed = shell("train", code=2, DATABASE_URL="sqlite://user:hush-hush@host/homes.db")
    assert "lading.yaml:4:30: train.data.url: no database" in failed.err
    assert "hush-hush" not in failed.err
    assert b"hush-hush" not in (shell.folder / ".lading" / "store.db").read_bytes()


@pytest.mark.slow
def test_an_evaluation_reads_its_cells_as_the_training_does(shell: Shell) -> None:
    shell.write("train.csv", "area;sold;price\n" + "".join(f"{i},5;2024-0{1 + i % 9}-01;{i % 9}\n" for i in range(30)))
    shell.write("parts/a.csv", "sold;price;area\n2024-03-01;2;1,5\n2024-04-01;3;?\n")
    more = "  delimiter: ';'\n  decimal: ','\n  missing: ['?']\n  dates: {sold: [month, weekday]}\n"
    more += "evaluate: {data: 'parts/*.csv', require: {mae: '< 1'}}\n"
    manifest = MANIFEST.replace("DATA", "train.csv").replace("[area]", "[area, sold]")
    manifest = manifest.replace("linear_model.LinearRegression", "ensemble.HistGradientBoostingRegressor")
    shell.write("lading.yaml", f"{manifest}  params: {{min_samples_leaf: 2}}\n{more}")
    assert "mae     < 1 " in shell("evaluate").out
