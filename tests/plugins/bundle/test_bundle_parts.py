"""Conda's entries, folders of a package and its whole documents, without a trained model."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement
from tests.hook_kit import MemoryContext, a_version
from tests.plugins.bundle.conftest import SCRIPT

from lading import BadInput, Column, Distribution, ModelVersion, PackageRequest
from lading_bundle import lading_package
from lading_bundle.conda import requirement
from lading_bundle.environment import Environment
from lading_bundle.files import Folder
from lading_bundle.options import BundleOptions


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("numpy", "numpy "),
        (" numpy ", "numpy "),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy =1.26", "numpy==1.26.*"),
        ("numpy= 1.26", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy=1.26*", "numpy==1.26.*"),
        ("numpy 1.26", "numpy==1.26"),
        ("numpy 1.26.*", "numpy==1.26.*"),
        ("numpy=1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("numpy 1.26.4 py311_0", "numpy 1.26.4 py311_0"),
        ("numpy==1.26.4", "numpy ==1.26.4"),
        ("numpy>=1.24,<2", "numpy >=1.24,<2"),
        ("numpy 1|2", "numpy 1|2"),
        ("conda-forge::numpy=2", "numpy==2.*"),
        ("conda-forge/linux-64::numpy", "numpy "),
        ("python=3.11", "python==3.11.*"),
        ("pytorch=2.5", "torch==2.5.*"),
        ("PyTorch-GPU", "torch "),
        ("matplotlib-base 3.9", "matplotlib==3.9"),
        ("opencv", "opencv-python "),
        ("pytables>=3", "tables >=3"),
        ("", None),
        ("=1.0", None),
        ("-r other.txt", None),
        ("numpy\n", None),
        ("num py==1", "num py==1"),
    ],
)
def test_a_conda_entry_as_a_requirement(entry: str, expected: str | None) -> None:
    assert requirement(entry) == expected


NAME = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3})?", fullmatch=True).filter(lambda name: "py" not in name)
VERSION = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))


@settings(max_examples=30)
@given(name=NAME, version=VERSION, form=st.sampled_from(["{0}={1}", "{0} {1}", "{0}={1}=b_0", "{0}={1}.*", "{0}=={1}"]))
def test_every_form_of_an_entry_allows_the_version_that_it_names(name: str, version: str, form: str) -> None:
    text = requirement(form.format(name, version))
    assert text is not None
    parsed = Requirement(text)
    assert parsed.specifier.contains(version)
    more = parsed.specifier.contains(f"{version}.1")
    assert more is (form in {"{0}={1}", "{0}={1}.*"})


@settings(max_examples=30)
@given(st.text(" =<>!~*|,;[]@\n\\:ab1.", max_size=14))
def test_any_entry_is_one_line_or_not_a_requirement(entry: str) -> None:
    text = requirement(entry)
    try:
        parsed = Requirement(text or "")
    except InvalidRequirement:
        return
    assert "\n" not in str(parsed)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    for name in ("b.py", "a.py", "sub/c.py", "sub/__pycache__/c.pyc", "__pycache__/b.pyc", "sub/deep/d.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SCRIPT if name == "a.py" else name)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_is_added_under_its_name_without_bytecode(tmp_path: Path, sources: Path) -> None:
    (sources / "b.py").chmod(0o755)
    Folder(tmp_path / "app").add(sources)
    assert names(tmp_path / "app") == [f"sources/{name}" for name in ("a.py", "b.py", "sub/c.py", "sub/deep/d.txt")]
    assert (tmp_path / "app/sources/sub/c.py").read_text() == "sub/c.py"
    assert (tmp_path / "app/sources/b.py").stat().st_mode & 0o111 == 0


def test_a_link_inside_a_folder_becomes_the_linked_file(tmp_path: Path, sources: Path) -> None:
    (sources / "link.py").symlink_to("a.py")
    Folder(tmp_path / "app").add(sources)
    assert not (tmp_path / "app/sources/link.py").is_symlink()
    assert (tmp_path / "app/sources/link.py").read_text() == SCRIPT


def _file_link(sources: Path) -> None:
    (sources / "link").symlink_to("/etc/hostname")


def _folder_link(sources: Path) -> None:
    (sources / "link").symlink_to(sources / "sub")


def _outer_folder(sources: Path) -> None:
    (sources / "link").symlink_to("/etc")


def _fifo(sources: Path) -> None:
    os.mkfifo(sources / "link")


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (_file_link, "link leads out of"),
        (_outer_folder, "link leads out of"),
        (_folder_link, "link is not a file"),
        (_fifo, "link is not a file"),
    ],
)
def test_what_is_not_a_file_of_the_folder_is_bad_input(
    tmp_path: Path, sources: Path, plant: Callable[[Path], None], message: str
) -> None:
    plant(sources)
    with pytest.raises(BadInput, match=message):
        Folder(tmp_path / "app").add(sources)


def test_two_equal_files_of_one_name_are_one(tmp_path: Path, sources: Path) -> None:
    folder = Folder(tmp_path / "app")
    folder.add(sources / "a.py")
    folder.add(sources / "a.py")
    (sources / "other").mkdir()
    (sources / "other/a.py").write_text("another")
    with pytest.raises(BadInput, match=r"other/a\.py: the package has another a\.py already") as caught:
        folder.add(sources / "other/a.py")
    assert caught.value.hint == "rename one of them"
    assert (tmp_path / "app/a.py").read_text() == SCRIPT


def test_a_file_where_a_folder_is_needed_is_bad_input(tmp_path: Path, sources: Path) -> None:
    folder = Folder(tmp_path / "app")
    folder.add_text("x", "sources")
    with pytest.raises(BadInput, match=r"the package has a file where sources/.* needs a folder"):
        folder.add(sources)


INSTALLED = {
    "scikit-learn": Distribution(version="1.5.0", requires=("numpy>=1", "absent>=2", "extra; extra == 'plots'")),
    "numpy": Distribution(version="2.1.0+local"),
    "pandas": Distribution(version="2.2.3"),
}


@pytest.fixture
def model(tmp_path: Path) -> ModelVersion:
    return a_version(
        tmp_path / "7.joblib",
        name="salary",
        version=7,
        sha256="ab" * 32,
        framework_version="1.5.0",
        columns=(Column(name="x", dtype="int64"), Column(name="town", dtype="object")),
        label=Column(name="y", dtype="float64"),
        distributions=INSTALLED,
    )


def packed(folder: Path, model: ModelVersion, options: BundleOptions) -> tuple[Any, list[str]]:
    context = MemoryContext(folder)
    request = PackageRequest(model=model, options=options, folder=folder)
    return lading_package(request=request, context=context), context.warnings


PINS = ["numpy==2.1.0", "pandas==2.2.3", "scikit-learn==1.5.0"]
COLUMNS = [{"name": "x", "dtype": "int64"}, {"name": "town", "dtype": "object"}]


def test_the_whole_documents_of_a_package(tmp_path: Path, model: ModelVersion) -> None:
    folder = tmp_path / "package"
    files, warnings = packed(folder, model, BundleOptions())
    assert (files.scoring_script, files.python, list(files.requirements)) == ("score.py", "3.11", PINS)
    assert warnings == ["absent is required but was not installed when the model was registered: it is not pinned"]
    assert names(folder) == [
        "azureml-app/lading_rows.py",
        "azureml-app/score.py",
        "azureml-app/scoring.json",
        "conda.yml",
        "package.json",
        "requirements.txt",
    ]
    assert (folder / "requirements.txt").read_text() == "".join(f"{pin}\n" for pin in PINS)
    assert yaml.safe_load((folder / "conda.yml").read_text()) == {
        "name": "salary",
        "channels": ["conda-forge"],
        "dependencies": ["python=3.11", "pip", {"pip": PINS}],
    }
    scoring = json.loads((folder / "azureml-app/scoring.json").read_text())
    assert scoring == {"model_file": "model.joblib", "columns": COLUMNS}
    hashed = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names(folder)}
    del hashed["package.json"]
    assert json.loads((folder / "package.json").read_text()) == {
        "files": hashed,
        "model": {
            "name": "salary",
            "file": "model.joblib",
            "sha256": "ab" * 32,
            "framework": "scikit-learn",
            "framework_version": "1.5.0",
            "columns": COLUMNS,
            "label": {"name": "y", "dtype": "float64"},
        },
        "python": "3.11",
        "requirements": PINS,
        "scoring_script": "score.py",
    }


def test_a_custom_script_with_an_environment_pins_only_its_requests(
    tmp_path: Path, model: ModelVersion, sources: Path
) -> None:
    options = BundleOptions(
        scoring_script=sources / "a.py", include=(sources / "sub",), environment=Environment(pip=("numpy",))
    )
    files, warnings = packed(tmp_path / "package", model, options)
    assert (files.scoring_script, files.requirements, warnings) == ("a.py", ("numpy==2.1.0",), [])
    app = ["azureml-app/a.py", "azureml-app/sub/c.py", "azureml-app/sub/deep/d.txt"]
    assert names(tmp_path / "package")[:3] == app


def test_a_custom_script_without_an_environment_pins_the_models_framework(
    tmp_path: Path, model: ModelVersion, sources: Path
) -> None:
    files, _warnings = packed(tmp_path / "package", model, BundleOptions(scoring_script=sources / "a.py"))
    assert files.requirements == ("numpy==2.1.0", "scikit-learn==1.5.0")


def test_a_package_does_not_depend_on_the_time_and_version_of_its_models_registration(
    tmp_path: Path, model: ModelVersion
) -> None:
    other = replace(model, version=8, created=datetime(2025, 1, 1, tzinfo=UTC), file=tmp_path / "8", tags={"a": "b"})
    for name, each in (("first", model), ("second", other)):
        packed(tmp_path / name, each, BundleOptions())
    first, second = tmp_path / "first", tmp_path / "second"
    assert names(first) == names(second)
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names(first))
