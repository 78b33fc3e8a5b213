"""The content of a package: the same bytes for the same model, nothing from outside, and a complete record."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.plugins.bundle.conftest import Packed

import lading
from lading import ModelVersion
from lading_bundle.environment import Environment
from lading_bundle.options import BundleOptions

Pack = Callable[..., Packed]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SKLEARN = Environment(conda=("scikit-learn",))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_files_of_the_salary_package(salary: ModelVersion, pack: Pack) -> None:
    packed = pack(salary, environment=SKLEARN)
    assert contents(packed.folder).keys() == {
        "azureml-app/score.py", "azureml-app/lading_rows.py", "azureml-app/scoring.json",
        "conda.yml", "requirements.txt", "package.json",
    }  # fmt: skip
    assert packed.files.scoring_script == "score.py"
    assert packed.files.python == PYTHON
    lines = packed.read("requirements.txt").splitlines()
    assert tuple(lines) == packed.files.requirements
    assert {line.split("==")[0] for line in lines} >= {"joblib", "numpy", "scikit-learn", "scipy", "threadpoolctl"}
    assert all(line == f"{line.split('==')[0]}=={salary.distributions[line.split('==')[0]].version}" for line in lines)
    conda = yaml.safe_load(packed.read("conda.yml"))
    assert conda["name"] == "sal_model"
    assert conda["dependencies"] == [f"python={PYTHON}", "pip", {"pip": lines}]


def test_the_record_names_every_file_and_the_model(salary: ModelVersion, pack: Pack) -> None:
    packed = pack(salary)
    record = json.loads(packed.read("package.json"))
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents(packed.folder).items()}
    assert record["files"] == {name: digest for name, digest in files.items() if name != "package.json"}
    assert record["model"]["sha256"] == salary.sha256
    assert record["model"]["columns"] == [{"name": "x", "dtype": "int64"}]
    assert record["model"]["label"] == {"name": "y", "dtype": "int64"}
    assert record["requirements"] == list(packed.files.requirements)


def test_the_same_model_packs_to_the_same_bytes(salary: ModelVersion, pack: Pack, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "model"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(salary.file.read_bytes())
    moved = replace(salary, version=7, file=elsewhere, description="other", tags={"a": "b"}, run="another")
    one, two = pack(salary), pack(moved)
    assert contents(one.folder) == contents(two.folder)
    assert str(salary.file.parent).encode() not in b"".join(contents(one.folder).values())


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    (folder / "helpers" / "deep" / "__pycache__").mkdir(parents=True)
    (folder / "helpers" / "deep" / "__pycache__" / "a.pyc").touch()
    (folder / "helpers" / "deep" / "a.py").write_text("a = 1\n")
    (folder / "helpers" / "linked.py").symlink_to(Path("deep", "a.py"))
    (folder / "table.csv").write_text("x\n")
    (folder / "my_score.py").write_text("def init(): ...\ndef run(raw_data): ...\n")
    return folder


def test_a_custom_script_and_its_includes(salary: ModelVersion, pack: Pack, sources: Path) -> None:
    include = (sources / "helpers", sources / "table.csv")
    packed = pack(salary, scoring_script=sources / "my_score.py", include=include, environment=SKLEARN)
    assert packed.files.scoring_script == "my_score.py"
    app = contents(packed.folder / "azureml-app")
    assert app.keys() == {"my_score.py", "helpers/deep/a.py", "helpers/linked.py", "table.csv"}
    assert app["helpers/linked.py"] == b"a = 1\n"
    assert not any(path.is_symlink() for path in packed.folder.rglob("*"))


def test_links_that_lead_outside_and_things_that_are_not_files(salary: ModelVersion, pack: Pack, sources: Path) -> None:
    secret = sources / "helpers" / "secret"
    cases: list[tuple[Callable[[], None], str]] = [
        (lambda: secret.symlink_to("/etc/hostname"), "leads out of"),
        (lambda: secret.symlink_to(sources, target_is_directory=True), "leads out of"),
        (lambda: secret.symlink_to(sources / "helpers" / "deep", target_is_directory=True), "is not a file"),
        (lambda: secret.symlink_to("nowhere"), "is not a file"),
        (lambda: os.mkfifo(secret), "is not a file"),
    ]
    for make, message in cases:
        make()
        with pytest.raises(lading.BadInput, match=message):
            pack(salary, include=(sources / "helpers",))
        secret.unlink()


def test_two_files_of_one_name(salary: ModelVersion, pack: Pack, sources: Path) -> None:
    other = sources / "other"
    (other / "helpers").mkdir(parents=True)
    (other / "helpers" / "deep").write_text("a file")
    (other / "score.py").write_text("another script")
    with pytest.raises(lading.BadInput, match=r"another score\.py already"):
        pack(salary, include=(other / "score.py",))
    with pytest.raises(lading.BadInput, match=r"helpers/deep"):
        pack(salary, include=(sources / "helpers", other / "helpers"))
    same = pack(salary, include=(sources / "table.csv", sources / "table.csv"))
    assert "table.csv" in contents(same.folder / "azureml-app")


def test_another_framework_needs_a_script(salary: ModelVersion, pack: Pack, sources: Path) -> None:
    onnx = replace(salary, framework="", framework_version="", file_name="model.onnx")
    with pytest.raises(lading.BadInput, match=r"model\.onnx is not a scikit-learn model") as caught:
        pack(onnx)
    assert "scoring_script" in (caught.value.hint or "")
    onnx = replace(onnx, file=sources / "my_score.py")  # a file that is not a pickle
    packed = pack(onnx, scoring_script=sources / "my_score.py", environment=Environment(pip=("numpy",)))
    assert [line.split("==")[0] for line in packed.files.requirements] == ["numpy"]


def test_the_script_of_the_trainer_is_used_without_one_in_the_manifest(
    salary: ModelVersion, pack: Pack, sources: Path
) -> None:
    theirs = replace(salary, scoring=sources / "my_score.py")
    packed = pack(theirs)
    assert packed.files.scoring_script == "my_score.py"
    assert contents(packed.folder / "azureml-app") == {"my_score.py": (sources / "my_score.py").read_bytes()}
    assert packed.files.requirements == pack(salary).files.requirements
    (sources / "mine.py").write_text("init = run = print\n")
    both = pack(theirs, scoring_script=sources / "mine.py")
    assert contents(both.folder) == contents(pack(salary, scoring_script=sources / "mine.py").folder)
    assert both.files.scoring_script == "mine.py"
    with pytest.raises(lading.BadInput, match="output: a scoring script of your own calls the model itself"):
        pack(theirs, output="records")


def test_the_script_of_the_trainer_serves_a_folder_of_another_framework(
    salary: ModelVersion, pack: Pack, sources: Path
) -> None:
    model = replace(salary, file=sources, framework="Threadpoolctl", scoring=sources / "my_score.py")
    assert {line.split("==")[0] for line in pack(model).files.requirements} == {"threadpoolctl"}
    more = pack(model, environment=Environment(pip=("iniconfig",)))
    assert {line.split("==")[0] for line in more.files.requirements} == {"iniconfig", "threadpoolctl"}
    assert pack(replace(model, framework="no distribution")).files.requirements == ()


def test_a_custom_script_needs_the_framework_unless_it_has_an_environment(
    salary: ModelVersion, pack: Pack, sources: Path
) -> None:
    model = replace(salary, framework="threadpoolctl", file=sources / "my_score.py")
    found = [pack(model, scoring_script=sources / "my_score.py", environment=one) for one in (None, Environment())]
    assert [len(one.files.requirements) for one in found] == [1, 0]


def test_what_a_distribution_lacks_is_a_warning(salary: ModelVersion, pack: Pack) -> None:
    lacking = {name: one for name, one in salary.distributions.items() if name != "threadpoolctl"}
    packed = pack(replace(salary, distributions=lacking))
    assert len(packed.warnings) == 1
    assert "threadpoolctl" in packed.warnings[0]
    assert "threadpoolctl" not in packed.read("requirements.txt")


def test_a_folder_is_not_a_script(salary: ModelVersion, pack: Pack, sources: Path) -> None:
    with pytest.raises(lading.BadInput, match="cannot be read: Is a directory"):
        pack(salary, scoring_script=sources)


def test_the_options_as_a_manifest_checks_them() -> None:
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(BundleOptions)
    checked = adapter.validate_json('{"include": ["a"], "environment": {"conda": ["conda-forge::scikit-learn=1.5"]}}')
    assert checked.environment == Environment(conda=("conda-forge::scikit-learn=1.5",))
    with pytest.raises(ValidationError):
        adapter.validate_json('{"environment": {"pip": [""]}}')
