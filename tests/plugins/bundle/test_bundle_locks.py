"""The keys of a lock file that limit it: to other machines, and to groups and extras."""

from __future__ import annotations

import sys
from pathlib import Path

import packaging
import pytest
from packaging.version import Version

from lading_bundle.locks import locked
from lading_bundle.wrong import Wrong

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
HEAD = 'lock-version = "1.0"\ncreated-by = "pip"\n'
UV = 'version = 1\nrequires-python = ">=3.8"\n{keys}\n[[package]]\nname = "a"\nsource = {{ virtual = "." }}\n'


def read(folder: Path, name: str, text: str) -> list[str]:
    """The pins of a lock, or its problem and the way out."""
    (folder / name).write_text(text)
    try:
        return [written.text for written in locked(folder / name, "environment.lock", PYTHON)]
    except Wrong as error:
        return [f"{error.problem.message}; {error.problem.hint}"]


def package(name: str, marker: str = "") -> str:
    return f'[[packages]]\nname = "{name}"\nversion = "1.0"\n' + (f'marker = "{marker}"\n' if marker else "")


def refused(place: str, markers: str) -> str:
    here = f"Python {PYTHON} on {sys.platform}"
    return f"{place}: the lock is only for {markers}, and not for {here}; lock the project for {here} too"


@pytest.mark.parametrize(
    ("markers", "others"),
    [
        (["sys_platform == 'win32'"], "sys_platform == 'win32'"),
        (["python_version < '3.8'", "os_name == 'nt'"], "python_version < '3.8' or os_name == 'nt'"),
        (["sys_platform == 'win32'", "sys_platform != 'win32'"], ""),
        ([f"python_full_version >= '{PYTHON}.99' and python_version == '{PYTHON}'"], ""),
        ([], ""),
    ],
)
def test_a_lock_for_other_machines_is_refused_at_its_key(tmp_path: Path, markers: list[str], others: str) -> None:
    keys = "\n".join(["[", *(f'    "{marker}",' for marker in markers), "]"])
    pylock = f"{HEAD}environments = {keys}\n{package('numpy')}"
    uv_lock = UV.format(keys=f"supported-markers = {keys}")
    assert read(tmp_path, "pylock.toml", pylock) == [refused("pylock.toml:3", others) if others else "numpy==1.0"]
    assert read(tmp_path, "uv.lock", uv_lock) == ([refused("uv.lock:3", others)] if others else [])


def test_required_machines_and_forks_do_not_limit_a_lock_of_uv(tmp_path: Path) -> None:
    for key in ("required-markers", "resolution-markers"):
        assert read(tmp_path, "uv.lock", UV.format(keys=f"{key} = [\"sys_platform == 'win32'\"]")) == []


@pytest.mark.skipif(Version(packaging.__version__).major < 25, reason="this packaging does not read groups")
def test_the_default_groups_of_a_lock_of_pip_are_read_and_no_extras(tmp_path: Path) -> None:
    keys = 'extras = ["plots"]\ndependency-groups = ["dev", "main"]\ndefault-groups = ["main"]\n'
    packages = (
        package("numpy"),
        package("black", "'dev' in dependency_groups"),
        package("scipy", "'main' in dependency_groups and python_version >= '3.8'"),
        package("seaborn", "'plots' in extras"),
    )
    assert read(tmp_path, "pylock.toml", HEAD + keys + "".join(packages)) == ["numpy==1.0", "scipy==1.0"]


def test_a_marker_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    text = f'{HEAD}environments = ["linux"]\n'
    message = "environments has the marker 'linux', which cannot be read; lock the project again"
    assert read(tmp_path, "pylock.toml", text) == [f"pylock.toml:3: {message}"]


def test_an_old_packaging_that_does_not_read_groups_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "__version__", "24.2")
    found = read(tmp_path, "pylock.toml", HEAD + package("numpy", "'dev' in dependency_groups or"))
    assert len(found) == 1
    assert found[0].endswith("which cannot be read; `pip install 'packaging>=25.0'` reads it")
