"""Models in the format of skops: trained, inspected, trusted by name, and loaded with exactly the trusted types."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.stats
import skops.io
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tests.conftest import Shell

from lading import InspectRequest, Refused
from lading_sklearn import lading_inspect, skops_file

FINISHED = "version: 1\nname: safe\nregister: {file: model.skops TRUST}\n"
TRAINED = """\
version: 1
name: safe
train: {data: rows.csv, features: [x], label: y, save_as: skops, test_size: 0.5, random_state: 0,
        estimator: sklearn.linear_model.LinearRegression}
evaluate: {require: {r2: ">= 0.9"}}
"""


def keep(site: Shell, inverse: object = None) -> None:
    model = make_pipeline(FunctionTransformer(inverse_func=inverse), LinearRegression())
    skops.io.dump(model.fit([[0.0], [1.0]], [0.0, 2.0]), site.folder / "model.skops")


def write(site: Shell, trust: str = "") -> None:
    site.write("lading.yaml", FINISHED.replace(" TRUST", trust))


@pytest.mark.slow
def test_a_model_of_skops_is_inspected_and_served(shell: Shell) -> None:
    keep(shell)
    write(shell)
    found = shell("model", "inspect", "model.skops", "--json").json()
    assert (found["format"], found["framework"], found["imports"]) == ("skops", "scikit-learn", [])
    assert found["framework_version"]
    shell("deploy")
    assert shell("score", "-d", '{"data": [[4]]}').json() == pytest.approx([8.0])
    shell("delete")


@pytest.mark.slow
def test_a_type_that_skops_does_not_trust_needs_trust(shell: Shell) -> None:
    keep(shell, shutil.copyfile)
    write(shell)
    for command in ("check", "plan", "deploy"):
        assert "add under register: `trust: [shutil.copyfile]`" in shell(command, code=3).err
    write(shell, ", trust: [shutil.copyfile]")
    shell("check")
    shell("deploy")
    assert shell("score", "-d", '{"data": [[4]]}').json() == pytest.approx([8.0])
    (record,) = (shell.folder / ".lading" / "packages").glob("*/azureml-app/scoring.json")
    assert json.loads(record.read_text())["trusted"] == ["shutil.copyfile"]
    shell("delete")


@pytest.mark.slow
def test_a_training_saves_its_model_with_skops(shell: Shell) -> None:
    shell.write("rows.csv", "x,y\n" + "".join(f"{x},{2 * x}\n" for x in range(20)))
    shell.write("lading.yaml", TRAINED)
    shell("deploy")
    assert shell("score", "-d", '{"data": [[4]]}').json() == pytest.approx([8.0])
    assert shell("model", "show", "safe", "--json").json()["file_name"] == "model.skops"
    shell("delete")


@pytest.mark.parametrize("data", [b"[", b"{}", b"[" * 100_000], ids=["cut off", "empty", "nested"])
def test_a_damaged_file_is_refused(shell: Shell, data: bytes) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("schema.json", data)
    (shell.folder / "model.skops").write_bytes(stream.getvalue())
    write(shell)
    assert "model.skops" in shell("check", code=3).err


def test_a_pickle_with_an_archive_behind_it_is_a_pickle(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("schema.json", "{}")
    (tmp_path / "model.skops").write_bytes(b"cos\nsystem\n." + archive.getvalue())
    found = lading_inspect(request=InspectRequest(file=tmp_path / "model.skops")).contents
    assert found is not None
    assert [each.path for each in found.dangerous] == ["os.system"]


@pytest.mark.parametrize(
    ("name", "data", "format_"),
    [("model.onnx", b"\x08\x07", "ONNX"), ("model.bin", b"CBM1", "CatBoost"), ("model", b"?", "other")],
)
def test_a_file_of_another_format_needs_a_scoring_script(shell: Shell, name: str, data: bytes, format_: str) -> None:
    (shell.folder / name).write_bytes(data)
    assert shell("model", "inspect", name, "--json").json()["format"] == format_
    assert f"(format: {format_}), so it needs a scoring script" in shell("init", "--model", name, "x", code=2).err
    shell.write("lading.yaml", f"version: 1\nname: other\nregister: {{file: {name}}}\n")
    done = shell("package", code=2)
    assert (
        f"{name} is {'not a scikit-learn model' if format_ == 'other' else f'of {format_}'}, so the default" in done.err
    )
    assert "name a scoring_script" in done.err


def test_a_file_of_skops_runs_nothing_when_joblib_reads_it(shell: Shell) -> None:
    keep(shell)
    with pytest.raises(Exception, match="persistent"):
        joblib.load(shell.folder / "model.skops")


def test_an_archive_without_its_directory_is_refused(shell: Shell) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("schema.json", "{}")
    (shell.folder / "model.skops").write_bytes(stream.getvalue().replace(b"PK\x01\x02", b"XXXX"))
    write(shell)
    assert "model.skops is damaged" in shell("check", code=2).err


def test_an_archive_with_a_password_is_refused(shell: Shell) -> None:
    keep(shell)
    data = bytearray((shell.folder / "model.skops").read_bytes())
    for head, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(head), bytes(data)):
            data[found.start() + flags] |= 1
    (shell.folder / "model.skops").write_bytes(data)
    write(shell)
    for command in ("check", "plan", "deploy"):
        assert "model.skops is not a model of skops: File 'schema.json' is encrypted" in shell(command, code=3).err


def test_what_a_random_generator_calls_is_listed_if_it_is_no_bit_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skops 0.13 trusts a name there, and calls it when it loads the file."""
    monkeypatch.setattr(skops_file, "untrusted", lambda _file: [])
    file = tmp_path / "model.skops"
    skops.io.dump({"random": np.random.default_rng(1)}, file)
    honest = lading_inspect(request=InspectRequest(file=file)).contents
    with zipfile.ZipFile(file) as archive:
        schema = archive.read("schema.json").replace(b"PCG64", b"test")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", schema)
    hostile = lading_inspect(request=InspectRequest(file=file)).contents
    assert honest is not None
    assert hostile is not None
    assert honest.unknown == ()
    assert [each.path for each in hostile.unknown] == ["numpy.random.test"]


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_known_class_of_a_booster_needs_no_trust(library: str, tmp_path: Path) -> None:
    module = pytest.importorskip(library)
    kind = module.XGBRegressor if library == "xgboost" else module.LGBMRegressor
    model = kind(n_estimators=2).fit([[0.0], [1.0], [2.0], [3.0]] * 6, [0.0, 1.0, 2.0, 3.0] * 6)
    skops.io.dump(model, tmp_path / "model.skops")
    assert skops_file.untrusted(tmp_path / "model.skops")
    found = skops_file.describe(tmp_path / "model.skops").contents
    assert found is not None
    assert found.unknown == ()


def test_a_distribution_whose_state_is_run_as_code_needs_trust(tmp_path: Path) -> None:
    """A pickle of it is refused by its state, which the description of a skops file does not show."""
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    model.noise = scipy.stats.norm
    skops.io.dump(model, tmp_path / "model.skops")
    found = skops_file.describe(tmp_path / "model.skops").contents
    assert found is not None
    assert "scipy.stats._continuous_distns.norm_gen" in {each.path for each in found.unknown}


TEXT = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "__id__": 1, "is_json": True}


@pytest.mark.parametrize(
    "schema",
    [
        {**TEXT, "content": "not json"},
        {"__class__": "list", "__module__": "builtins", "content": [{**TEXT, "content": "not json"}]},
        {**TEXT, "content": "[" * 100_000},
    ],
)
def test_a_malformed_description_is_refused(schema: dict[str, object], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps({**schema, "protocol": 2}))
    with pytest.raises(Refused, match=r"model\.skops"):
        skops_file.describe(tmp_path / "model.skops")
