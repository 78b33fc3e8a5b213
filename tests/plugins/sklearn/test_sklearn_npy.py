"""Array files of NumPy (`.npy`, `.npz`): the pickle in an array of objects is read, and one of numbers has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from tests.plugins.sklearn.hostile_models import Payload

from lading import FileContents, InspectRequest
from lading_sklearn import lading_inspect

SAVED: dict[str, Callable[..., None]] = {"npy": np.save, "npz": np.savez, "compressed.npz": np.savez_compressed}


def contents(file: Path) -> FileContents:
    found = lading_inspect(request=InspectRequest(file=file)).contents
    assert found is not None
    return found


def records(value: object) -> np.ndarray[Any, Any]:
    found = np.zeros(1, dtype=[("a", "f8", (2,)), ("b", [("c", "O")])])
    found["b"]["c"][0] = value
    return found


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("make", [lambda value: np.array([value], dtype=object), records], ids=["objects", "records"])
def test_a_harmful_object_is_listed(tmp_path: Path, name: str, make: Callable[[object], Any]) -> None:
    file, mark = tmp_path / f"model.{name}", tmp_path / "it ran"
    SAVED[name](file, make(Payload(joblib.disk.mkdirp, str(mark))))
    assert [each.path for each in contents(file).dangerous] == ["joblib.disk.mkdirp"]
    assert not mark.exists()
    found = np.load(file, allow_pickle=True)
    list(map(found.__getitem__, getattr(found, "files", ())))
    assert mark.exists()  # otherwise the rest shows nothing


def test_numbers_in_an_archive_are_not_read_as_opcodes(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", np.frombuffer(b"\x8c\x01a\x8c\x01b\x93q\x00.", dtype="u1"))
    assert contents(tmp_path / "model.npz").imports == ()


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("kind", ["f8", "U4", [("O", "f8"), ("x", "i4", (2,))]])
def test_an_array_of_numbers_is_no_pickle(tmp_path: Path, name: str, kind: Any) -> None:
    SAVED[name](tmp_path / f"model.{name}", np.zeros(3, kind))
    found = contents(tmp_path / f"model.{name}")
    assert (found.is_pickle, found.complete, found.imports) == (False, True, ())


@pytest.mark.parametrize("header", [b"(" * 90, b"{'descr': 3}", b"{'descr': [['O']]", b"{}"])
def test_an_unreadable_header_is_not_complete(tmp_path: Path, header: bytes) -> None:
    size = len(header).to_bytes(2, "little")
    (tmp_path / "model.npy").write_bytes(b"\x93NUMPY\x01\x00" + size + header + b"N.")
    assert not contents(tmp_path / "model.npy").complete


def test_a_long_header_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "model.npy").write_bytes(b"\x93NUMPY\x02\x00" + b"\xff" * 4 + b"N.")
    assert not contents(tmp_path / "model.npy").complete
