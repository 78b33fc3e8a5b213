"""Typical CSV files."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import lading
from lading_sklearn.table import read_columns


def read(folder: Path, content: bytes, *names: str) -> dict[str, list[object]]:
    file = folder / "data.csv"
    file.write_bytes(content)
    return {name: column.tolist() for name, column in read_columns(file, names or ("x", "y")).items()}


@pytest.mark.parametrize(
    "content",
    [
        b"x,y\n1,2.5\n3,4\n",
        b"\xef\xbb\xbfx,y\n1,2.5\n3,4\n",
        b"x,y\r\n1,2.5\r\n3,4\r\n",
        b"x,y\r1,2.5\r3,4\r",
        b'"x", y \n"1", 2.5\n 3,"4"\n',
        b'z,x,y\nsome,1,2.5\n\n"a\nb",3,4\n\n',
        b"y,x\n25e-1,+1\n4.0,3",
    ],
    ids=["lf", "bom", "crlf", "cr", "quotes and spaces", "blank lines and another column", "order and signs"],
)
def test_files_that_are_one_table(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == {"x": [1, 3], "y": [2.5, 4.0]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data.csv:1: the file is empty"),
        (b"x,y\n", "too few rows: 0"),
        (b"x,y\n1,2\n", "too few rows: 1"),
        (b"X,y\n1,2\n3,4\n", "data.csv:1: no column x"),
        (b"x,x,y\n1,2,3\n4,5,6\n", "data.csv:1: the column x exists 2 times"),
        (b"x,y\n1,2\n3,4,5\n", "data.csv:3: 3 cells, but the header has 2"),
        (b"x,y\n1,2\n3\n", "data.csv:3: 1 cells"),
        (b"x,y\n1,2\n3,four\n", "data.csv:3: column y: 'four' is not a number"),
        (b"x,y\n1,2\n\n\n3,\n", "data.csv:5: column y: a missing value"),
        (b"x,y\n1,2\n3,NaN\n", "data.csv:3: column y: a missing value"),
        (b"x,y\n1,2\n3,-inf\n", "data.csv:3: column y: '-inf' is not finite"),
        (b"x,y\n1,2\n3,1_000\n", "data.csv:3: column y: '1_000' is not a number"),
        (b"x,y\n1,2\n3," + b"9" * 5000 + b"\n", "data.csv:3: column y: '9999"),
        (b"x,y\n1,2\n3," + b"9" * 400 + b"\n", "data.csv:3: column y: '9999"),
        (b"x,y\n1,2\n3,+-4\n", "data.csv:3: column y: '+-4' is not a number"),
        (b'z,x,y\n"a\nb",1,2\n"c\nd",3,four\n', "data.csv:4: column y: 'four'"),
        (b'x,y\n1,2\n3,"4\n', "data.csv:3: unexpected end of data"),
        (b"x,y\n1,2\n3,\xff\n", "data.csv:3: not UTF-8"),
    ],
)
def test_files_that_are_not_a_table(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(lading.BadInput) as caught:
        read(tmp_path, content)
    assert message in caught.value.message


def test_a_folder_is_not_a_table(tmp_path: Path) -> None:
    with pytest.raises(lading.BadInput, match="is a folder"):
        read_columns(tmp_path, ["x"])


def test_a_near_name_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(lading.BadInput) as caught:
        read(tmp_path, b"salary,y\n1,2\n3,4\n", "salry")
    assert caught.value.hint == "did you mean salary?"


def test_text_and_large_integers(tmp_path: Path) -> None:
    content = b"x,y\nOslo,9223372036854775807\nInfinity,-9223372036854775808\n"
    assert read(tmp_path, content) == {"x": ["Oslo", "Infinity"], "y": [2**63 - 1, -(2**63)]}
    assert read(tmp_path, b"x,y\n1,9223372036854775808\n2,1\n")["y"] == [2.0**63, 1.0]


@given(content=st.binary(max_size=60) | st.text('x,y"\r\n 1.eE-_\x00é', max_size=40).map(str.encode))
def test_any_bytes_are_a_table_or_bad_input(tmp_path: Path, content: bytes) -> None:
    with suppress(lading.BadInput):
        columns = read(tmp_path, b"x,y\n" + content)
        assert len(columns["x"]) == len(columns["y"]) >= 2


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)


@given(
    rows=st.lists(st.tuples(NUMBERS, st.text(max_size=5), NUMBERS), min_size=2, max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_the_output_of_a_csv_writer_is_read_back(
    tmp_path: Path, rows: list[tuple[float, str, float]], end: str, quoting: Literal[0, 1, 2]
) -> None:
    # The writer of older Pythons does not quote a line end that is not its own, although it must.
    assume(quoting != csv.QUOTE_MINIMAL or not any(set("\r\n") & set(text) for _x, text, _y in rows))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator=end, quoting=quoting)
    writer.writerows([("x", "any text", "y"), *rows])
    columns = read(tmp_path, stream.getvalue().encode())
    assert columns == {"x": [row[0] for row in rows], "y": [row[2] for row in rows]}
