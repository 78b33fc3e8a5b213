"""Find the scikit-learn version of a finished model file, which is never loaded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import resource
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.plugins.sklearn.inspection_cost import bounded

import lading
from lading import InspectRequest, TrainedModel
from lading_sklearn import lading_inspect


def inspect(file: Path) -> TrainedModel:
    return lading_inspect(request=InspectRequest(file=file))


def fitted(model: Any) -> Any:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    return model.fit(rows, rows.sum(axis=1))


def large() -> Any:
    """A model with its array before its version, over several pieces of the file."""
    model = fitted(LinearRegression())
    model.coef_ = np.random.default_rng(0).normal(size=400_000)
    return model


MODELS = {
    "linear": lambda: fitted(LinearRegression()),
    "pipeline": lambda: fitted(make_pipeline(StandardScaler(), LinearRegression())),
    "forest": lambda: fitted(RandomForestRegressor(20)),
    "large": large,
}


@pytest.mark.parametrize("compress", [0, "zlib", "gzip", "bz2", "lzma", "xz"])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_joblib_files(tmp_path: Path, make: Callable[[], Any], compress: Any) -> None:
    joblib.dump(make(), tmp_path / "model.joblib", compress=compress)
    found = inspect(tmp_path / "model.joblib")
    assert (found.framework, found.framework_version) == ("scikit-learn", sklearn.__version__)
    assert found.file == tmp_path / "model.joblib"


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles(tmp_path: Path, protocol: int) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(MODELS["pipeline"](), protocol))
    assert inspect(file).framework_version == sklearn.__version__


def test_the_version_is_found_at_any_boundary_of_two_pieces(tmp_path: Path) -> None:
    entry = b"\x8c\x10_sklearn_version\x94\x8c\x061.5.10\x94"
    for shift in range(len(entry) + 1):
        file = tmp_path / "model.pkl"
        file.write_bytes(b"\x80\x05" + bytes((1 << 20) - 2 - shift) + entry + bytes(10))
        assert inspect(file).framework_version == "1.5.10"


class Bomb:
    """An object that creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def hostile(mark: Path) -> dict[str, bytes]:
    stream = io.BytesIO()
    joblib.dump([np.arange(10_000), Bomb(mark)], stream)
    raw = pickle.dumps(Bomb(mark))
    return {
        "raw": raw,
        "after an array": stream.getvalue(),
        "zlib": zlib.compress(raw),
        "gzip": gzip.compress(raw),
        "xz": lzma.compress(raw),
        "bz2": bz2.compress(raw),
        "nested": zlib.compress(pickle.dumps([raw, Bomb(mark)])),
    }


@pytest.mark.parametrize("kind", ["raw", "after an array", "zlib", "gzip", "xz", "bz2", "nested"])
def test_a_hostile_file_runs_nothing(tmp_path: Path, kind: str) -> None:
    file, mark = tmp_path / "model.joblib", tmp_path / "it ran"
    file.write_bytes(hostile(mark)[kind])
    found = inspect(file)
    assert (found.framework, found.framework_version) == ("scikit-learn", "")
    assert not mark.exists()
    joblib.load(file)
    assert mark.exists(), "the file is not hostile, and the test shows nothing"


@pytest.mark.parametrize(
    "compress",
    [
        lambda data: zlib.compress(data, 1),
        pytest.param(lambda data: lzma.compress(data, preset=0), marks=pytest.mark.slow),
        pytest.param(lambda data: bz2.compress(data, 1), marks=pytest.mark.slow),
    ],
    ids=["zlib", "xz", "bz2"],
)
def test_a_decompression_bomb_is_bounded(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "model.joblib"
    file.write_bytes(compress(b"\x80\x05" + bytes(300 << 20)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with bounded():
        assert inspect(file).framework_version == ""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def test_many_keys_without_a_value_are_quick(tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    file.write_bytes(b"\x80\x00" + b"V_sklearn_versionV" * 200_000)
    with bounded():
        assert inspect(file).framework_version == ""


@pytest.mark.parametrize(
    "content",
    [
        b"\x08\x07\x12\x07pytorch",
        b"\x80",
        b"\x80\x01weights",
        b"\x80\x06weights",
        zlib.compress(b"\x80weights"),
        b"x",
        b"x,y",
    ],
    ids=["onnx", "one byte", "protocol 1", "protocol 6", "compressed", "one letter", "text"],
)
def test_what_is_no_pickle_of_scikit_learn_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(content)
    assert inspect(file).framework == ("ONNX" if content.startswith(b"\x08") else "")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_without_a_version_is_taken_for_scikit_learn(tmp_path: Path, protocol: int) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps([1.0], protocol))
    assert inspect(file).framework == "scikit-learn"


def test_empty_and_damaged_files_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "damaged").write_bytes(b"\x78\x9cnothing of the kind")
    for name, message in (("empty", "is empty"), ("damaged", "is damaged")):
        with pytest.raises(lading.BadInput, match=message):
            inspect(tmp_path / name)


def test_each_pickle_of_a_folder_is_described_like_a_single_file(tmp_path: Path) -> None:
    folder = tmp_path / "forest"
    (folder / "parts").mkdir(parents=True)
    joblib.dump(fitted(LinearRegression()), folder / "parts" / "model.bin", compress=("gzip", 3))
    (folder / "hidden").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (folder / "cut.pkl").write_bytes(pickle.dumps({"a": 1})[:-1])
    (folder / "empty.txt").touch()
    (folder / "x.txt").write_text("x marks what only looks compressed")
    (folder / "config.json").write_text('{"a": 1}')
    found = inspect(folder)
    contents = found.contents
    assert contents is not None
    assert (found.framework, found.framework_version) == ("scikit-learn", sklearn.__version__)
    alone = {name: inspect(tmp_path / name).contents for name in contents.files}
    assert contents.files == alone
    assert list(alone) == ["forest/cut.pkl", "forest/hidden", "forest/parts/model.bin"]
    assert [f"{one.module}.{one.name}" for one in contents.dangerous] == ["os.system"]
    assert (contents.format, contents.complete) == ("folder", False)
    assert contents.size == sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    (folder / "none.pkl").touch()
    with pytest.raises(lading.BadInput, match=r"none\.pkl is empty"):
        inspect(folder)


@given(
    head=st.sampled_from([b"", b"\x80\x05", b"\x78\x9c", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", b"\x5d\0"]),
    rest=st.binary(max_size=80) | st.binary(max_size=20).map(lambda tail: b"\x8c\x10_sklearn_version\x94\x8c" + tail),
)
def test_any_bytes_are_described_or_bad_input(tmp_path: Path, head: bytes, rest: bytes) -> None:
    file = tmp_path / "model.joblib"
    file.write_bytes(head + rest)
    with suppress(lading.BadInput):
        version = inspect(file).framework_version
        assert version == "" or version[0].isdigit()
