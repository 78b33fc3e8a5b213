"""Typical CSV files."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.plugins.sklearn.tables_kit import read, typed_columns

import lading
from lading_sklearn.cells import Reading, typed
from lading_sklearn.forms import form_of
from lading_sklearn.intake import Takes
from lading_sklearn.table import read_table


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
        read_table(str(tmp_path), ["x"], Reading())


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


@pytest.mark.parametrize(
    ("content", "reading"),
    [
        ("x;y\n1;2,5\n3;4\n", {"delimiter": ";", "decimal": ","}),
        ("x\ty\n1\t2.5\n3\t4\n", {"delimiter": "\t"}),
        ('x,y\n1,"2,5"\n3,"4"\n', {"decimal": ","}),
        ("x|y\n1|+2.5\n3|4.0\n", {"delimiter": "|", "thousands": ","}),
    ],
)
def test_the_marks_of_a_file_are_options(tmp_path: Path, content: str, reading: dict[str, Any]) -> None:
    assert read(tmp_path, content.encode(), **reading) == {"x": [1, 3], "y": [2.5, 4.0]}


@pytest.mark.parametrize(
    ("cell", "reading", "number"),
    [
        ("1,234", {"thousands": ","}, 1234),
        ("-1,234,567.5", {"thousands": ","}, -1234567.5),
        ("1,00,000", {"thousands": ","}, 100000),
        ("1.234,5", {"thousands": ".", "decimal": ","}, 1234.5),
        ("1\u202f234", {"thousands": " "}, 1234),
        ("1\u2009234", {"thousands": " "}, 1234),
        ("1'234", {"thousands": "'"}, 1234),
        ("1\u2019234\u2019567.5", {"thousands": "'"}, 1234567.5),
        ("1_234", {"thousands": "_"}, 1234),
        ("2,5e3", {"decimal": ","}, 2500.0),
        ("12", {"thousands": ","}, 12),
    ],
)
def test_a_number_with_other_marks(cell: str, reading: dict[str, Any], number: float) -> None:
    found = lading.number_of(cell, **reading)
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(
    ("cell", "reading"),
    [
        ("1,23", {"thousands": ","}),
        ("1234,567", {"thousands": ","}),
        ("1,234.5,6", {"thousands": ","}),
        (",123", {"thousands": ","}),
        ("1.5", {"decimal": ","}),
        ("1_000", {}),
    ],
)
def test_a_number_with_misplaced_marks_is_none(cell: str, reading: dict[str, Any]) -> None:
    assert lading.number_of(cell, **reading) is None


@pytest.mark.parametrize(
    ("cell", "message", "hint"),
    [
        ("1,000", "'1,000' is not a number: it has a thousands separator", '`thousands: ","`'),
        ("1.000.000", "it has a thousands separator", '`thousands: "."` and `decimal: ","`'),
        ("1 000", "it has a thousands separator", '`thousands: " "`'),
        ("12,5", "it has a decimal comma", '`decimal: ","`'),
        ("$12", "it is an amount of money", "keep only the number"),
        ("€ 1.200,50", "it is an amount of money", "keep only the number"),
        ("12 EUR", "it is an amount of money", "keep only the number"),
        ("($1,200)", "it is an amount of money", "keep only the number"),
        ("12 %", "it is a percentage", "keep only the number"),
        ("\u22125", "it has the minus sign U+2212", "write the minus sign of the keyboard"),
        ("\u22121,000", "it has the minus sign U+2212", "write the minus sign of the keyboard"),
        ("10:30", "it is a time of day", "hours or minutes"),
        ("9:05:30 PM", "it is a time of day", "hours or minutes"),
        ("5 ‰", "it is a number of permille", "keep only the number"),
        ("1\u2019000", "it has a thousands separator", '`thousands: "\'"`'),
        ("1\u2009000", "it has a thousands separator", '`thousands: " "`'),
        *(
            (money, "it is an amount of money", "keep only the number")
            for money in (
                "R$ 5",
                "US$1,234",
                "A$5",
                "5 Kč",
                "Rs. 500",
                "$5k",
                "-$5",
                "\u2212€5",
                "5€",
                "USD100",
                "kr 5",
                "$1.5 mn",
            )
        ),
        ("ABC123", "'ABC123' is text, and Ridge takes numbers", "OneHotEncoder"),
        ("R12", "'R12' is text, and Ridge takes numbers", "OneHotEncoder"),
        ("5°", "'5°' is text, and Ridge takes numbers", "OneHotEncoder"),
        ("2024-05-31", "it is a date", "`dates: {y: [year, month, weekday]}`"),
        ("31.12.2024 10:30", "it is a date", "`dates: {y: [year, month, weekday]}`"),
        ("31/05/2024", "it is a date", "write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, and `dates: {y: [year"),
        ("2024/05/31", "it is a date", "write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, and `dates: {y: [year"),
        ("red", "'red' is text, and Ridge takes numbers", "OneHotEncoder"),
    ],
)
def test_a_column_of_numbers_in_another_form_is_named_at_its_first_cell(
    tmp_path: Path, cell: str, message: str, hint: str
) -> None:
    (tmp_path / "a.csv").write_text(f'x,y\n1,"{cell}"\n2,"{cell}"\n')
    table = read_table(str(tmp_path / "a.csv"), ["y"], Reading())
    with pytest.raises(lading.BadInput) as caught:
        typed(table.cells("y"), Takes(no_text="Ridge"), Reading())
    assert caught.value.message.startswith(f"{tmp_path / 'a.csv'}:2: column y: ")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert typed(table.cells("y"), Takes(encodes=True), Reading()).tolist() == [cell, cell]


OTHERWISE = "write the number with the marks that train has"


@pytest.mark.parametrize(
    ("cell", "marks", "hint"),
    [
        ("1.000", {"decimal": ","}, '`thousands: "."` under train reads it'),
        ("1.000,5", {"decimal": ","}, '`thousands: "."` under train reads it'),
        ("1,000.5", {"decimal": ","}, OTHERWISE),
        ("1.5", {"decimal": ","}, OTHERWISE),
        ("1,5", {"thousands": ","}, OTHERWISE),
        ("1.000.000", {"thousands": ","}, OTHERWISE),
        ("1.000.000", {"thousands": ".", "decimal": ","}, "1000000"),
        ("1 000,5", {"thousands": " "}, '`decimal: ","` under train reads it'),
        ("1 000,5", {}, '`thousands: " "` and `decimal: ","` under train reads it'),
        ("1,000", {}, '`thousands: ","` under train reads it'),
    ],
)
def test_only_options_that_fit_the_others_are_proposed(cell: str, marks: dict[str, str], hint: str) -> None:
    read = lading.number_of(cell, marks.get("decimal", "."), marks.get("thousands"))
    assert hint in (form_of(cell, "y", **marks)[1] if read is None else str(read))


@pytest.mark.parametrize("word", ["", "NA", "nan", "NaN", "N/A", "null", "None", "<NA>", "?", "-999"])
def test_a_missing_value_is_nan_if_the_model_takes_it(tmp_path: Path, word: str) -> None:
    (tmp_path / "a.csv").write_text(f"x,y,z,w\n1,a,true,Oslo\n{word},{word},{word},{word}\n3,b,false,Rom\n")
    table = read_table(str(tmp_path / "a.csv"), "xyzw", Reading())
    found = {name: typed(table.cells(name), Takes(), Reading(missing=("?", "-999"))) for name in "xyzw"}
    assert {name: np.isnan(column.tolist()[1]) for name, column in found.items()} == dict.fromkeys("xyzw", True)
    assert {name: column.dtype.name for name, column in found.items()} == {
        "x": "float64",
        "y": "object",
        "z": "float64",
        "w": "object",
    }
    with pytest.raises(lading.BadInput, match=r"a\.csv:3: column x: a missing value, and Ridge takes none") as caught:
        typed(table.cells("x"), Takes(no_missing="Ridge"), Reading(missing=("?", "-999")))
    assert "sklearn.impute.SimpleImputer" in (caught.value.hint or "")


SHOWN = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


def test_other_encodings_are_options_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    for encoding in ("cp1252", "utf-16", "utf-8"):
        found = read(tmp_path, "x,é\nÄ,1\nÖ,2\n".encode(encoding), "x", "é", encoding=encoding)
        assert found == {"x": ["Ä", "Ö"], "é": [1, 2]}
    for encoding in SHOWN:
        content = "x,é\n1,Ä\n2,Ö\n".encode(encoding)
        assert read(tmp_path, content, "x", "é") == {"x": [1, 2], "é": ["Ä", "Ö"]}
        assert read(tmp_path, content, "x", "é", encoding="cp1252")["é"] == ["Ä", "Ö"]
    with pytest.raises(lading.BadInput, match=r"data\.csv:2: not ascii"):
        read(tmp_path, "x,y\nÄ,1\n".encode(), encoding="ascii")


def test_another_delimiter_is_guessed_in_the_hint(tmp_path: Path) -> None:
    with pytest.raises(lading.BadInput, match="no column x") as caught:
        read(tmp_path, b"x;y\n1;2\n3;4\n")
    assert '`delimiter: ";"`' in (caught.value.hint or "")


def test_a_column_that_the_model_encodes_may_mix_numbers_and_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\nPC 17599\n113803\n")
    table = read_table(str(tmp_path / "a.csv"), ["x"], Reading())
    assert typed_columns(table, "x", takes=Takes(encodes=True)) == {"x": ["PC 17599", "113803"]}
    assert typed_columns(table, "x", takes=Takes(documents=True)) == {"x": ["PC 17599", "113803"]}
    with pytest.raises(lading.BadInput, match="'PC 17599' is not a number"):
        typed_columns(table, "x")
