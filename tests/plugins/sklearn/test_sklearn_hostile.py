"""Hostile model files: no code in them runs, their imports are named, and each is read within bounds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from tests.conftest import Shell
from tests.plugins.sklearn.hostile_models import bombs, broken, corpus
from tests.plugins.sklearn.inspection_cost import bounded
from tests.waiting import LIMIT

import lading
from lading import FileContents, InspectRequest
from lading_sklearn import lading_inspect


def contents(file: Path) -> FileContents:
    with bounded():
        found = lading_inspect(request=InspectRequest(file=file)).contents
    assert found is not None
    return found


@pytest.mark.parametrize("name", corpus(Path("mark")))
def test_a_dangerous_file_is_named_and_nothing_runs(tmp_path: Path, name: str) -> None:
    mark, file = tmp_path / "it ran", tmp_path / "model.joblib"
    file.write_bytes(corpus(mark)[name])
    found = contents(file)
    assert found.dangerous, found
    assert not mark.exists()


@pytest.mark.parametrize("name", dict(broken(Path("mark"))))
def test_a_broken_file_is_not_complete(tmp_path: Path, name: str) -> None:
    mark, file = tmp_path / "it ran", tmp_path / "model.joblib"
    file.write_bytes(dict(broken(mark))[name])
    assert not contents(file).complete
    assert not mark.exists()


@pytest.mark.parametrize("name", ["unknown-opcode", "empty-stack", "array-without-state"])
def test_dangers_after_a_broken_place_are_still_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.joblib").write_bytes(dict(broken(tmp_path / "it ran"))[name])
    assert contents(tmp_path / "model.joblib").dangerous


@pytest.mark.slow
def test_a_bomb_is_bounded(tmp_path: Path) -> None:
    for name, data in bombs():
        (tmp_path / name).write_bytes(data)
        found = lading_inspect(request=InspectRequest(file=tmp_path / name)).contents
        assert found is not None
        assert not found.complete


CAN_HURT = ("os-mkdir-0", "exec-5", "nested", "after-array-f8", "after-array-O", "memo", "memo-put", "inst", "obj")


def test_the_corpus_is_large_and_dangerous(tmp_path: Path) -> None:
    assert len({**corpus(tmp_path), **dict(broken(tmp_path))}) >= 60
    for name in CAN_HURT:
        (tmp_path / f"{name}.pkl").write_bytes(corpus(tmp_path / name)[name])
    load = "import joblib, sys\nfor file in sys.argv[1:]: joblib.load(file)"
    files = [str(tmp_path / f"{name}.pkl") for name in CAN_HURT]
    subprocess.run([sys.executable, "-W", "ignore", "-c", load, *files], check=True, capture_output=True, timeout=LIMIT)
    for name in CAN_HURT:
        assert (tmp_path / name).exists(), f"{name} is not hostile, and the tests show nothing"


def fitted(model: Any) -> Any:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    return model.fit(rows, (rows[:, 0] > 0).astype(int))


MODELS: dict[str, Callable[[], Any]] = {
    "forest": lambda: fitted(RandomForestClassifier(3, random_state=np.random.RandomState(0))),
    "neighbours": lambda: fitted(KNeighborsClassifier(algorithm="kd_tree")),
    "text": lambda: make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(
        [f"w{i}" for i in range(99)], [0, 1, 2] * 33
    ),
    "labels": lambda: LogisticRegression().fit([[0.0], [1.0]], np.array(["no", "yes"], dtype=object)),
}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("name", MODELS)
def test_an_honest_model_is_followed_to_its_end(tmp_path: Path, name: str, protocol: int) -> None:
    joblib.dump(MODELS[name](), tmp_path / "model.joblib", protocol=protocol)
    found = contents(tmp_path / "model.joblib")
    assert found.complete
    assert {each.kind for each in found.imports} == {"known"}
    assert any(each.startswith("sklearn.") for each in found.classes)


TOKENS = [bytes([code]) for code in b"(N}])0125tuseabclioRQPh\x94\x93\x81\x92\x85\x86\x87\x90\x91.\x80\x95"]
WORDS = [
    b"\x8c\x02os",
    b"K\x01",
    b"cos\nsystem\n",
    b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n",
    b"\x8c\x05dtype",
    b"h\x00",
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(TOKENS + WORDS) | st.binary(max_size=3), max_size=40))
def test_any_opcodes_are_described(tmp_path: Path, opcodes: list[bytes]) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04" + b"".join(opcodes))
    contents(tmp_path / "model.pkl")


def test_names_cannot_control_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04c\x1b[2Jos\nsys\x07tem\n.")
    (found,) = contents(tmp_path / "model.pkl").imports
    assert (found.module + found.name).isprintable()


SAMPLE = [
    "nested",
    "after-array-f8-xz",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("os-mkdir-4", "memo", "reduce-chain")),
]


@pytest.mark.parametrize("name", SAMPLE)
def test_no_command_unpickles_a_hostile_file(shell: Shell, name: str) -> None:
    """The file is refused, with its dangerous names, before anything is stored."""
    mark = shell.folder / "it ran"
    (shell.folder / "model.joblib").write_bytes(corpus(mark)[name])
    shell.write("lading.yaml", "version: 1\nname: hostile\nregister: {file: model.joblib}\n")
    shell.write("score.py", "def init(): pass\ndef run(raw_data): return 1\n")
    inspected = shell("model", "inspect", "model.joblib", "--json", code=3).json()
    assert "dangerous" in {each["kind"] for each in inspected["imports"]}
    warned = shell("init", "--model", "model.joblib", "other", code=None).err
    assert "model.joblib is not loaded, because it imports " in warned or "model.joblib holds" in warned
    shell.write(
        "lading.yaml",
        "version: 1\nname: hostile\nregister: {file: model.joblib}\n"
        "package: {scoring_script: score.py, environment: {pip: []}}\n",
    )
    for command in ("check", "plan", "register", "package", "deploy"):
        assert "model.joblib is not loaded, because it imports " in shell(command, code=3).err
    assert not mark.exists()


def test_inspect_reports_the_kind_of_a_model(shell: Shell) -> None:
    joblib.dump(MODELS["labels"](), shell.folder / "model.joblib", compress="xz")
    done = shell("model", "inspect", "model.joblib")
    assert "sklearn.linear_model._logistic.LogisticRegression" in done.out
    found = json.loads(shell("model", "inspect", "model.joblib", "--json").out)
    assert (found["format"], found["framework"], found["complete"]) == ("xz", "scikit-learn", True)
    assert "model 'nothing' does not exist" in shell("model", "inspect", "nothing", code=2).err


def test_damaged_and_empty_files_are_bad_input(shell: Shell) -> None:
    (shell.folder / "empty").touch()
    (shell.folder / "damaged").write_bytes(b"\x78\x9cnothing of the kind")
    assert "is empty" in shell("model", "inspect", "empty", code=2).err
    assert "is damaged" in shell("model", "inspect", "damaged", code=2).err
    with pytest.raises(lading.BadInput):
        contents(shell.folder / "empty")
