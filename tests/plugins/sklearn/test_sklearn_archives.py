"""The pickles in zip archives, such as files of PyTorch: their names are listed, or the archive is not complete."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
from tests.plugins.sklearn.hostile_models import Payload

from lading import FileContents, InspectRequest
from lading_sklearn import lading_inspect

TENSOR = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\ntQK\0tR."


def contents(
    folder: Path, data: bytes, name: str = "archive/data.pkl", method: int = zipfile.ZIP_STORED
) -> FileContents:
    file = folder / "model.pt"
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("archive/data/0", b"\x80 is no pickle")
        archive.writestr(name, data)
    found = lading_inspect(request=InspectRequest(file=file)).contents
    assert found is not None
    assert not found.is_pickle
    return found


def test_the_names_in_a_file_of_pytorch_are_listed(tmp_path: Path) -> None:
    found = contents(tmp_path, TENSOR)
    assert (found.format, found.complete) == ("PyTorch", True)
    assert [each.path for each in found.unknown] == ["torch._utils._rebuild_tensor_v2", "torch.FloatStorage"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_dangerous_name_is_listed(tmp_path: Path, method: int) -> None:
    data = pickle.dumps(Payload(os.mkdir, str(tmp_path / "it ran")))
    assert [each.name for each in contents(tmp_path, data, method=method).dangerous] == ["mkdir"]
    assert not (tmp_path / "it ran").exists()


def test_a_pickle_that_cannot_be_read_makes_the_archive_incomplete(tmp_path: Path) -> None:
    assert not contents(tmp_path, TENSOR[:-1]).complete


def test_an_archive_with_a_password_is_incomplete(tmp_path: Path) -> None:
    contents(tmp_path, TENSOR)
    data = bytearray((tmp_path / "model.pt").read_bytes())
    for head, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(head) + flags] |= 1
    (tmp_path / "model.pt").write_bytes(data)
    found = lading_inspect(request=InspectRequest(file=tmp_path / "model.pt")).contents
    assert found is not None
    assert not found.complete


def test_an_archive_without_pickles_is_complete(tmp_path: Path) -> None:
    found = contents(tmp_path, b"any", "weights.txt")
    assert (found.complete, found.imports) == (True, ())
