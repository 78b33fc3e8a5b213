"""The way out that the message of a wrong table names."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.sklearn.tables_kit import read

import lading
from lading_sklearn.cells import Reading, typed
from lading_sklearn.intake import Takes
from lading_sklearn.table import read_table


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"1,2\n3,4\n5,6\n", "the first line has the names of the columns, and here it has 1, 2"),
        (b"X,y\n1,2\n3,4\n", "did you mean X?"),
        (b" x,y\n1,2\n3,4\n", ""),
        (b"a,y\n1,2\n3,4\n", "the table has a, y"),
        ("x\ty\n1\t2\n".encode("utf-16"), '`delimiter: "\\t"`'),
        ("x,y\n\xe4,2\n".encode("cp1252"), "`encoding: cp1252`"),
    ],
)
def test_the_hint_fits_the_table(tmp_path: Path, content: bytes, hint: str) -> None:
    if not hint:
        assert read(tmp_path, content)["x"] == [1, 3]
        return
    with pytest.raises(lading.BadInput) as caught:
        read(tmp_path, content)
    assert hint in (caught.value.hint or "")


def test_a_missing_text_is_not_filled_by_an_imputer(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("text,y\ngood,1\n,2\n")
    table = read_table(str(tmp_path / "data.csv"), ["text", "y"], Reading())
    with pytest.raises(lading.BadInput, match="TfidfVectorizer takes none") as caught:
        typed(table.cells("text"), Takes(no_missing="TfidfVectorizer", documents=True), Reading())
    assert caught.value.hint == "write a text into the cell, or remove the row"


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("utf-16", b"\x01", "UTF-16"),
        ("utf-8-sig", b"\xff", "UTF-8"),
        ("utf-32", b"\x01", "UTF-32"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_the_encoding_that_a_damaged_file_shows_is_named(
    tmp_path: Path, start: str, end: bytes, name: str, encoding: str
) -> None:
    with pytest.raises(lading.BadInput) as caught:
        read(tmp_path, "x,y\r\n1,2".encode(start) + end, encoding=encoding)
    assert caught.value.message.endswith(f"data.csv:2: not {name}")
    assert caught.value.hint == "save the file as CSV UTF-8"
