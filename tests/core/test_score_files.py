"""`lading score -d @FILE -o FILE`: the rows of a file, against a real local service."""

from __future__ import annotations

import csv
import gzip
import json
import os
import time
from datetime import date
from decimal import Decimal
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.conftest import Shell
from tests.core.conftest import wait_for
from tests.waiting import LIMIT

from lading.engine.release import scoring
from lading.engine.release.chunks import RowAnswer, Sender
from lading.model.schema import SchemaKind
from lading.python import cells

MANIFEST = """\
version: 1
name: double-svc
train: {data: train.csv, features: [x], label: y, estimator: sklearn.linear_model.LinearRegression}
package: {SCRIPTenvironment: {conda: [scikit-learn]}}
targets: {local: {port: 0, env: {ASKED: "${ASKED}"}}}
"""
SCORE = """\
import json, os, time
from azureml.contrib.services.aml_response import AMLResponse

def init():
    pass

def run(raw_data):
    rows = json.loads(raw_data)["data"]
    with open(os.environ["ASKED"], "a") as asked:
        asked.write(f"{len(rows)}\\n")
    while os.path.exists(os.environ["ASKED"] + ".shut"):
        time.sleep(0.01)
    return ANSWER
"""


def project(shell: Shell, answer: str = "") -> Shell:
    """A service that doubles numbers: with the default script, or with one that gives `answer`."""
    shell.write("lading.yaml", MANIFEST.replace("SCRIPT", "scoring_script: score.py, " if answer else ""))
    shell.write("score.py", SCORE.replace("ANSWER", answer))
    shell.write("train.csv", "x,y\n" + "".join(f"{x},{2 * x}\n" for x in range(20)))
    shell.env["ASKED"] = str(shell.folder / "asked")
    shell("deploy")
    return shell


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_the_rows_of_a_file_get_their_answers_and_failed_rows_are_listed(shell: Shell) -> None:
    project(shell)
    cells = ["1", "two", "3", "", "5", "1e400"]
    shell.write("in.csv", "id,x\n" + "".join(f"00{number},{cell}\n" for number, cell in enumerate(cells)) + "7,8,9\n")
    done = shell("score", "-d", "@in.csv", "-o", "out.csv", "--rows", "4", "--json", code=6)
    made = done.json()
    assert (made["rows"], made["failures"], made["known"]) == (7, 4, 0)
    assert [row["row"] for row in made["failed"]] == [2, 4, 6, 7]
    text, missing, too_large, ragged = (row["reason"] for row in made["failed"])
    assert text.startswith("400: data[0][0] is a string, not a number")
    assert missing.startswith("400: data")
    assert (too_large, ragged) == ("a value is not a finite number", "line 8 has 3 values, not 2")
    found = rows_of(shell.folder / "out.csv")
    assert [row["id"] for row in found] == ["000", "001", "002", "003", "004", "005", "7"]
    assert [row["prediction"] and round(float(row["prediction"])) for row in found] == [2, "", 6, "", 10, "", ""]
    assert [bool(row["prediction_error"]) for row in found] == [False, True, False, True, False, True, True]
    assert not (shell.folder / "out.csv.partial").exists()
    listed = shell("score", "-d", "@in.csv", "-o", "out.csv", code=6).err
    assert "row 2: 400: data[0][0] is a string, not a number" in listed
    assert "error: 4 of 7 rows have no answer" in listed
    assert "not sent, because the model does not take them: id" in listed


@pytest.mark.slow
def test_every_format_is_read_and_written(shell: Shell) -> None:
    project(shell)
    shell.write("in.csv", "name,x\na,1\nb,2.5\n")
    answers = [(1, 2), (2.5, 5)]
    for first, second in (("in.csv", "one.parquet"), ("one.parquet", "two.jsonl"), ("two.jsonl", "three.csv")):
        if second != "one.parquet":  # the model takes `x` alone
            assert "prediction" in shell("score", "-d", f"@{first}", "-o", second).err
        else:
            shell("score", "-d", f"@{first}", "-o", second)
    table = parquet.read_table(shell.folder / "one.parquet")
    assert table.schema.field("x").type == pa.float64()
    assert table.column("name").to_pylist() == ["a", "b"]
    records = [json.loads(line) for line in (shell.folder / "two.jsonl").read_text().splitlines()]
    found = [[(row["x"], row["prediction"]) for row in rows] for rows in (table.to_pylist(), records)]
    found.append([(float(row["x"]), float(row["prediction"])) for row in rows_of(shell.folder / "three.csv")])
    for pairs in found:
        assert pairs == [(x, pytest.approx(y)) for x, y in answers]


HOMES = """\
version: 1
name: homes
train:
  data: homes.csv
  dates: {sold: [year]}
  features: [sold, area, town]
  label: price
  steps:
    - name: columns
      estimator: sklearn.compose.ColumnTransformer
      params:
        transformers:
          - [numbers, {estimator: sklearn.impute.SimpleImputer}, [sold_year, area]]
          - [town, {estimator: sklearn.preprocessing.OneHotEncoder, params: {handle_unknown: ignore}}, [town]]
    - {name: model, estimator: sklearn.tree.DecisionTreeRegressor}
targets: {local: {port: 0}}
"""


@pytest.mark.slow
def test_each_cell_is_sent_as_the_schema_of_the_model_has_it(shell: Shell) -> None:
    """The same rows with dates and towns that look like numbers, from files with and without types."""
    rows = [(f"{year}0531", area, town) for year in (2022, 2023) for area in (40, 60) for town in ("501", "X1")]
    prices = {row: 1000 * (row[0] == "20230531") + 100 * (row[2] == "501") + row[1] for row in rows}
    lines = [f"{','.join(map(str, row))},{price}" for row, price in prices.items()] * 3
    shell.write("homes.csv", "\n".join(["sold,area,town,price", *lines, "20220531,,X1,50"]))
    shell.write("lading.yaml", HOMES)
    shell("deploy")
    shell.write("in.csv", "\n".join(["sold,area,town", *(f"{sold},+{area}.,{town}" for sold, area, town in rows)]))
    shell("score", "-d", "@in.csv", "-o", "out.csv")
    assert [float(row["prediction"]) for row in rows_of(shell.folder / "out.csv")] == list(prices.values())
    shell("score", "-d", "@in.csv", "-o", "out.jsonl")
    first = json.loads((shell.folder / "out.jsonl").read_text().splitlines()[0])
    assert first == {"sold": "20220531", "area": 40, "town": "501", "prediction": 140}
    numbers = [(date(int(sold[:4]), 5, 31), Decimal(area), int(town)) for sold, area, town in rows if town == "501"]
    columns = dict(zip(("sold", "area", "town"), zip(*numbers, strict=True), strict=True))
    parquet.write_table(pa.table({name: list(cells) for name, cells in columns.items()}), shell.folder / "in.parquet")
    shell("score", "-d", "@in.parquet", "-o", "typed.csv")
    expected = [price for row, price in prices.items() if row[2] == "501"]
    assert [float(row["prediction"]) for row in rows_of(shell.folder / "typed.csv")] == expected


@pytest.mark.slow
def test_files_are_read_and_written_with_gzip(shell: Shell) -> None:
    project(shell)
    (shell.folder / "in.csv.gz").write_bytes(gzip.compress(b"x\n1\n2\n"))
    shell("score", "-d", "@in.csv.gz", "-o", "one.jsonl.gz")
    shell("score", "-d", "@one.jsonl.gz", "-o", "two.CSV.GZ")
    packed = (shell.folder / "two.CSV.GZ").read_bytes()
    assert [float(line.split(",")[1]) for line in gzip.decompress(packed).decode().splitlines()[1:]] == [2, 4]
    for name, content in (("cut.csv.gz", packed[:-9]), ("plain.csv.gz", b"x\n1\n")):
        (shell.folder / name).write_bytes(content)
        refused = shell("score", "-d", f"@{name}", "-o", "three.csv", code=2).err
        assert f"{name} is not a whole gzip file" in refused
    refused = shell("score", "-d", "@in.csv.gz", "-o", "out.parquet.gz", code=2).err
    assert "out.parquet.gz is not a table" in refused


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "json.dumps([row['x'] for row in rows])": [{"prediction": 1}, {"prediction": 2}],
    "{'result': [row['x'] for row in rows]}": [{"prediction": 1}, {"prediction": 2}],
    "{'a': [1, 2], 'b': ['c', 'd']}": [{"a": 1, "b": "c"}, {"a": 2, "b": "d"}],
    "[{'x': 'c', 'y': None}] * 2": [{"prediction_x": "c", "y": None}] * 2,
    "[[3, 0.5], [4, 0.6]]": [{"prediction_0": 3, "prediction_1": 0.5}, {"prediction_0": 4, "prediction_1": 0.6}],
}


@pytest.mark.slow
def test_an_answer_gives_columns(shell: Shell) -> None:
    project(shell, "eval(open(os.environ['ASKED'] + '.answer').read())")
    shell.write("in.jsonl", '{"x": 1}\n{"x": 2}\n')
    for answer, expected in ANSWERS.items():
        shell.write("asked.answer", answer)
        shell("score", "-d", "@in.jsonl", "-o", "out.jsonl")
        found = [json.loads(line) for line in (shell.folder / "out.jsonl").read_text().splitlines()]
        assert found == [{"x": number} | columns for number, columns in zip((1, 2), expected, strict=True)]
    shell.write("asked.answer", "[1]")
    failed = shell("score", "-d", "@in.jsonl", "-o", "out.jsonl", code=6)
    assert "did not answer 2 rows with 2 answers: [1]" in failed.err


@pytest.mark.slow
def test_an_interrupted_command_goes_on(shell: Shell) -> None:
    project(shell, "[2 * row['x'] for row in rows]")
    asked, shut, partial = (shell.folder / name for name in ("asked", "asked.shut", "out.csv.partial"))
    shell.write("in.csv", "x\n" + "".join(f"{x}\n" for x in range(400)))
    argv = ("score", "-d", "@in.csv", "-o", "out.csv", "--rows", "10", "--parallel", "1")
    shut.touch()
    running = shell.start(*argv)
    wait_for(asked.exists)
    shut.unlink()
    wait_for(lambda: partial.read_bytes().count(b"\n") > 100)
    shut.touch()
    running.send_signal(2)
    _, err = running.communicate(timeout=LIMIT)
    assert running.returncode == 130, err
    assert "to go on, run the same command again" in err
    assert not (shell.folder / "out.csv").exists()
    known = partial.read_bytes().count(b"\n") - 1
    with partial.open("ab") as stream:
        stream.write(b'[2, "')  # a line that was cut
    shut.unlink()
    asked.write_text("")
    done = shell(*argv)
    assert f"an earlier command had asked for {known} of 400 rows" in done.err
    assert sum(map(int, asked.read_text().split())) == 400 - known
    assert [(row["x"], row["prediction"]) for row in rows_of(shell.folder / "out.csv")] == [
        (str(x), str(2 * x)) for x in range(400)
    ]


@pytest.mark.slow
def test_other_rows_or_another_release_begin_again(shell: Shell) -> None:
    project(shell, "[2 * row['x'] for row in rows]")
    shell.write("in.csv", "x\n1\n2\n")
    partial = shell.write("out.csv.partial", '{"file": "of another time"}\n[9, ""]\n')
    done = shell("score", "-d", "@in.csv", "-o", "out.csv")
    assert "begins again" in done.err
    assert [row["prediction"] for row in rows_of(shell.folder / "out.csv")] == ["2", "4"]
    assert not partial.exists()


@pytest.mark.slow
def test_a_service_that_answers_no_row_ends_the_command_soon(shell: Shell) -> None:
    project(shell)
    shell.write("in.csv", "z\n" + "1\n" * 5000)
    failed = shell("score", "-d", "@in.csv", "-o", "out.csv", code=6)
    assert "the service answers no row" in failed.err
    assert "an object with x is expected" in failed.err


@pytest.mark.slow
def test_a_service_that_is_gone_ends_the_command_and_keeps_the_answers(shell: Shell) -> None:
    project(shell, "[2 * row['x'] for row in rows] if rows[0]['x'] < 3 else os._exit(1)")
    shell.write("in.csv", "x\n" + "".join(f"{x}\n" for x in range(6)))
    failed = shell("score", "-d", "@in.csv", "-o", "out.csv", "--rows", "1", "--parallel", "1", code=5)
    assert "run the same command again: it goes on" in failed.err
    assert (shell.folder / "out.csv.partial").read_bytes().count(b"\n") == 1 + 3


BUSY = "(os.unlink(busy), AMLResponse('later', 429, {'Retry-After': '1'}))[1]"


@pytest.mark.slow
def test_a_busy_service_gets_the_rows_again_when_it_asks_for_them(shell: Shell) -> None:
    answer = f"{BUSY} if os.path.exists(busy := os.environ['ASKED'] + '.busy') else [2 * row['x'] for row in rows]"
    project(shell, answer)
    shell.write("in.csv", "x\n1\n2\n")
    busy = shell.write("asked.busy", "")
    refused = shell("score", "-d", "@in.csv", "-o", "out.csv", "--timeout", "500ms", code=2)
    assert "number of seconds" in refused.err
    late = shell("score", "-d", "@in.csv", "-o", "out.csv", "--timeout", "0.5", code=5)
    assert "the service answered 429: later; it asks to wait 1 s, and the time limit is 0.5 s" in late.err
    busy.touch()
    shell("score", "-d", "@in.csv", "-o", "out.csv")
    assert [row["prediction"] for row in rows_of(shell.folder / "out.csv")] == ["2", "4"]


class Busy(BaseHTTPRequestHandler):
    """Refuses with the next text of `asks` as Retry-After, and then answers. `times` has the moment of each request."""

    asks: ClassVar[list[str]] = []
    times: ClassVar[list[float]] = []

    def do_POST(self) -> None:
        self.times.append(time.time())
        rows = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
        self.send_response(503 if self.asks else 200)
        if self.asks:
            self.send_header("Retry-After", self.asks.pop(0))
        self.end_headers()
        self.wfile.write(json.dumps(rows).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        pass


def test_a_service_may_ask_for_many_pauses_in_seconds_or_until_a_date() -> None:
    until = int(time.time()) + 2
    Busy.asks = ["0.2", "0", "0.1", "0.1", "0.1", "0.1", formatdate(until, usegmt=True)]
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/score"
        sender = Sender(partial(scoring.ask, uri), size=2, parallel=1, limit=LIMIT)
        assert list(sender.answers([1, 2])) == [[RowAnswer(1), RowAnswer(2)]]
        server.shutdown()
    assert Busy.times[1] - Busy.times[0] >= 0.2
    assert Busy.times[-1] >= until
    assert len(Busy.times) == 8


class Late(Busy):
    """A service whose clock is an hour late."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() - 3600)


def test_a_date_to_wait_for_counts_from_the_clock_of_the_service() -> None:
    Late.asks = [formatdate(time.time() - 3600 + 100, usegmt=True)]
    with HTTPServer(("127.0.0.1", 0), Late) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        found = scoring.ask(f"http://127.0.0.1:{server.server_port}/score", b'{"data": []}')
        server.shutdown()
    assert found.retry_after is not None
    assert 60 < found.retry_after <= 101


def test_a_cell_with_more_digits_than_python_reads_is_a_text() -> None:
    kinds: tuple[SchemaKind, ...] = ("", "number", "integer")
    assert [cells.from_text("9" * 5000, kind) for kind in kinds] == ["9" * 5000] * 3


WRONG = {
    "no output": (["-d", "@in.csv"], 2, "need a file for their answers"),
    "another format": (["-d", "@in.csv", "-o", "out.xls"], 2, "out.xls is not a table that can be scored"),
    "no input": (["-d", "@none.csv", "-o", "out.csv"], 2, "none.csv is not a file"),
    "no folder": (["-d", "@in.csv", "-o", "none/out.csv"], 2, "its folder does not exist"),
    "a folder": (["-d", "@in.csv", "-o", "folder.csv"], 2, "folder.csv.partial cannot be written: is a directory"),
    "a folder as output": (["-d", "@in.csv", "-o", "folder.csv.d.csv"], 2, "folder.csv.d.csv is a folder"),
    "the input": (["-d", "@in.csv", "-o", "in.csv"], 2, "is the file of the rows"),
    "not Parquet": (["-d", "@in.parquet", "-o", "out.csv"], 2, "in.parquet is not Parquet"),
    "two equal columns": (["-d", "@twice.csv", "-o", "out.csv"], 2, "twice.csv:1: the column x exists 2 times"),
    "an open quote": (["-d", "@open.csv", "-o", "out.csv"], 2, "open.csv:2: not CSV"),
    "not UTF-8": (["-d", "@latin.csv", "-o", "out.csv"], 2, "latin.csv: not UTF-8"),
}


@pytest.mark.slow
def test_files_that_cannot_be_used_are_named(shell: Shell) -> None:
    project(shell)
    for name, text in (("in.csv", "x\n1\n"), ("in.parquet", "x"), ("twice.csv", "x,x\n1,2\n"), ("open.csv", 'x\n"1\n')):
        shell.write(name, text)
    for name in ("folder.csv.partial", "folder.csv.d.csv"):
        (shell.folder / name).mkdir()
    (shell.folder / "latin.csv").write_bytes(b"x\n\xe4\n")
    for name, (argv, code, message) in WRONG.items():
        assert message in shell("score", *argv, code=code).err, name


@pytest.mark.slow
def test_parquet_without_pyarrow_names_the_extra(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "absent" / "pyarrow").mkdir(parents=True)
    (tmp_path / "absent" / "pyarrow" / "__init__.py").write_text("raise ImportError")
    shell.write("in.parquet", "x")
    shell.write("lading.yaml", MANIFEST.replace("SCRIPT", ""))
    shell.write("train.csv", "x,y\n1,2\n")
    failed = shell("score", "-d", "@in.parquet", "-o", "out.csv", code=2, PYTHONPATH=os.fspath(tmp_path / "absent"))
    assert "in.parquet needs pyarrow" in failed.err
    assert "pip install 'lading[parquet]'" in failed.err


@pytest.mark.slow
def test_one_answer_is_written_to_a_file(shell: Shell) -> None:
    project(shell)
    assert shell("score", "-d", '{"data": [[2]]}', "-o", "out.json").out == ""
    assert json.loads((shell.folder / "out.json").read_text()) == [pytest.approx(4)]
