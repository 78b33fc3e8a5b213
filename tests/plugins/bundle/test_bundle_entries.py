"""Entries that do not apply to this Python, and exported packages of conda that are not Python distributions."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from lading_bundle import entries
from lading_bundle.entries import Written
from lading_bundle.environment import Environment
from lading_bundle.imports import imports_of
from lading_bundle.named import wheel_path
from lading_bundle.sources import read_source

OTHERS = [
    'dataclasses==0.8 ; python_version < "3.7"',
    "sklearn; python_version<'3'",
    'dataclasses==0.8 ; python_full_version < "3.7.1"',
    "thing @ file:absent/thing-1.0-py3-none-any.whl ; sys_platform == 'other'",
    "git+https://a.example/thing ; python_version < '3'",
]


@pytest.mark.parametrize("text", OTHERS)
def test_an_entry_for_another_python_is_not_judged(text: str) -> None:
    assert entries.read([Written(text, "environment.pip.0")], "3.11") == ([], [])


def test_the_full_version_of_this_python_counts() -> None:
    here, full = entries.THIS_PYTHON, platform.python_version()
    text = f'joblib ; python_full_version >= "{full}"'
    assert [entry.name for entry in entries.read([Written(text, "environment.pip.0")], here)[0]] == ["joblib"]
    assert wheel_path(f"thing @ file:absent/thing-1.0-py3-none-any.whl ; python_full_version < '{full}'") == ""


def test_a_wheel_for_another_machine_is_not_needed() -> None:
    assert wheel_path("thing @ file:absent/thing-1.0-py3-none-any.whl ; sys_platform == 'other'") == ""
    for marker in ("", " ; sys_platform != 'other'", " ; what"):
        assert (
            wheel_path(f"thing @ file:absent/thing-1.0-py3-none-any.whl{marker}") == "absent/thing-1.0-py3-none-any.whl"
        )


def test_an_entry_for_this_python_is_judged() -> None:
    found, problems = entries.read([Written('dataclasses==0.8 ; python_version > "3.7"', "environment.pip.0")], "3.11")
    assert found == []
    assert [problem.option for problem in problems] == ["environment.pip.0"]


EXPORTED = """\
name: exported
channels: [defaults]
dependencies:
  - python=3.11.5=h955ad1f_0
  - expat=2.6.4=h6a678d5_0
  - krb5=1.20.1=h143b758_1
  - lerc=3.0=h295c915_0
  - vc=14.42=haa95532_4
  - m2w64-gcc-libs=5.3.0=7
  - ucx=1.14.1=h64cca9d_5
  - numpy=1.26.4=py311h08b1b3b_0
  - joblib=1.4.2=pyhd8ed1ab_0
  - certifi=2020.6.20=py_0
  - pytorch=2.1=cuda_0
  - jaxlib=0.4=*cuda*
"""


def test_an_exported_package_without_python_in_its_build_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "conda.yml").write_text(EXPORTED)
    source = read_source(Environment(conda_file=tmp_path / "conda.yml"), "3.11")
    assert source.left_out == ["expat", "krb5", "lerc", "vc", "m2w64-gcc-libs", "ucx"]
    found, problems = entries.read(source.written, "3.11")
    assert problems == []
    assert [entry.name for entry in found] == ["python", "numpy", "joblib", "certifi", "torch", "jaxlib"]


CHANGES = [
    "import os, sys\nsys.path.append(os.path.join(os.path.dirname(__file__), 'src'))\n",
    "import sys; from pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent / 'src'))\n",
    "import site\nsite.addsitedir('src')\n",
]


@pytest.fixture
def project(tmp_path: Path) -> Any:
    (tmp_path / "src" / "tools").mkdir(parents=True)
    (tmp_path / "src" / "features.py").write_text("import yaml\n")
    (tmp_path / "src" / "tools" / "__init__.py").write_text("import requests\n")

    def imported(before: str) -> set[str]:
        script = tmp_path / "score.py"
        script.write_text(f"{before}from features import clean\nimport tools\n")
        return {one.module for one in imports_of([script], [tmp_path / "src"])}

    return imported


@pytest.mark.parametrize("before", CHANGES)
def test_a_script_that_changes_sys_path_finds_the_modules_of_included_folders(project: Any, before: str) -> None:
    assert project(before) == {"yaml", "requests"}


def test_another_script_does_not(project: Any) -> None:
    assert project("") == {"features", "tools"}
