"""Installed versions and entry points: compare our reader with importlib.metadata for every kind of installation."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import shutil
import site
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import ROOT, Shell

from lading.base import metadata
from lading.plugin import discovery as plugins

ENTRY_POINTS = """\
[console_scripts]
{name} = tool:main

[lading.plugins]
# a comment
{name} = tool.other
{name}-two=tool : Hook

[lading.targets]
{name}  =  tool.target:Target
"""
HEADERS = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: Version: 0\n\nVersion: 99\nName: body\n"


@pytest.fixture(autouse=True)
def standard_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with the standard library, although its backport replaces the finder at its import."""
    kept = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("importlib_metadata")]
    monkeypatch.setattr(sys, "meta_path", kept)
    finder = importlib.metadata.MetadataPathFinder.find_distributions
    monkeypatch.setattr(importlib.machinery.PathFinder, "find_distributions", finder, raising=False)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Clear the cache, which lasts as long as the process. Here the process has several values of `sys.path`."""
    yield
    _forget()


def _forget() -> None:
    metadata.installed.cache_clear()
    plugins._scan.cache_clear()


def dist_info(folder: Path, name: str, version: str) -> None:
    """The files of a wheel or an editable install."""
    _folder(folder / f"{_escaped(name)}-{version}.dist-info", "METADATA", name, version)


def egg_info_folder(folder: Path, name: str, version: str) -> None:
    """The files of setuptools' `setup.py install` and of Debian packages."""
    _folder(folder / f"{_escaped(name)}-{version}-py3.egg-info", "PKG-INFO", name, version)


def egg_info_of_source(folder: Path, name: str, version: str) -> None:
    """The files of `setup.py develop` beside the code. The folder's name has no version."""
    _folder(folder / f"{_escaped(name)}.egg-info", "PKG-INFO", name, version)


def egg_info_file(folder: Path, name: str, version: str) -> None:
    """The file of distutils' `setup.py install`."""
    (folder / f"{_escaped(name)}-{version}.egg-info").write_text(HEADERS.format(name=name, version=version))


def half_removed(folder: Path, name: str, version: str) -> None:
    """The files after an uninstall that was interrupted or could not remove a folder."""
    (folder / f"{_escaped(name)}-{version}.dist-info").mkdir(exist_ok=True)


def egg(folder: Path, name: str, version: str) -> None:
    """An unpacked egg is itself an entry of `sys.path`. importlib.metadata finds it by an older rule for names."""
    root = folder / f"{_escaped(name)}-{version}-py3.egg"
    root.mkdir(exist_ok=True)
    _folder(root / "EGG-INFO", "PKG-INFO", name, version)
    _path(folder, root)


def pth(folder: Path, name: str, version: str) -> None:
    """A folder that a `.pth` file adds to `sys.path`."""
    root = folder / f"src-{name}-{version}"
    root.mkdir(exist_ok=True)
    egg_info_of_source(root, name, version)
    _path(folder, root)


def packed(folder: Path, name: str, version: str) -> None:
    """A zip file on `sys.path`."""
    file = folder / f"{_escaped(name)}-{version}.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tool.py", "")
        info = f"{_escaped(name)}-{version}.dist-info"
        archive.writestr(f"{info}/METADATA", HEADERS.format(name=name, version=version))
        archive.writestr(f"{info}/entry_points.txt", ENTRY_POINTS.format(name=name))
    _path(folder, file)


def _folder(info: Path, file: str, name: str, version: str) -> None:
    info.mkdir(exist_ok=True)
    (info / file).write_text(HEADERS.format(name=name, version=version))
    (info / "entry_points.txt").write_text(ENTRY_POINTS.format(name=name))


def _escaped(name: str) -> str:
    return name.replace("-", "_")


def _path(folder: Path, entry: Path) -> None:
    with (folder / "added.pth").open("a") as file:
        file.write(f"{entry}\n")


Make = Callable[[Path, str, str], None]
KINDS: tuple[Make, ...] = (
    dist_info,
    egg_info_folder,
    egg_info_of_source,
    egg_info_file,
    half_removed,
    pth,
    packed,
)
NAMES = ("tool", "My-Plugin", "my.plugin", "my_plugin", "two--parts", "two-_parts")


def compare() -> None:
    """Assert that both readers find the same distributions, versions and plugins."""
    _forget()
    theirs = [entry.metadata["Name"] for entry in importlib.metadata.distributions() if entry.metadata["Name"]]
    ours = [name for entry in metadata.installed() if (name := entry.header("Name"))]
    assert sorted(ours) == sorted(theirs)
    for name in theirs:
        assert metadata.version(name) == _version(name), name
    announced = {
        (entry.group, entry.name, entry.value, entry.dist.name if entry.dist else "")
        for group in plugins.GROUPS
        for entry in importlib.metadata.entry_points(group=group)
    }
    found = [plugin for group in plugins.GROUPS for plugin in plugins.installed(group)]
    assert {(plugin.group, plugin.name, plugin.value, plugin.distribution) for plugin in found} == announced
    for plugin in found:
        assert plugin.version == _version(plugin.distribution)


def _version(name: str) -> str | None:
    """The version of the first distribution of a name that has a version, like Python 3.13 and later."""
    versions = (found.metadata["Version"] for found in importlib.metadata.Distribution.discover(name=name))
    return next(filter(None, versions), None)


def test_this_environment_is_read_as_importlib_metadata_reads_it() -> None:
    compare()
    assert metadata.version("LADING") == importlib.metadata.version("lading")


@pytest.mark.parametrize("make", [*KINDS, egg], ids=lambda make: make.__name__)
def test_every_kind_of_installation_is_read_as_importlib_metadata_reads_it(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "my-plugin", "1.0")
    monkeypatch.setattr(sys, "path", list(sys.path))
    site.addsitedir(str(tmp_path))
    compare()
    assert metadata.version("My.-_Plugin") == (None if make is half_removed else "1.0")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    folders=st.lists(
        st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES), st.sampled_from(("1.0", "2.0+local.1")))),
        min_size=1,
        max_size=3,
    )
)
def test_of_several_installations_the_first_as_in_importlib_metadata_counts(
    folders: list[list[tuple[Make, str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("path")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [])
        for number, made in enumerate(folders):
            folder = root / str(number)
            folder.mkdir()
            for make, name, version in made:
                make(folder, name, version)
            site.addsitedir(str(folder))
        compare()
    shutil.rmtree(root)


SALARY = "manifests/salary.yaml"


@pytest.mark.slow
def test_an_upgrade_that_only_egg_info_shows_is_a_change(salary: Shell) -> None:
    salary("train", SALARY)
    assert _stages(salary)["train"]["action"] == "reuse"
    egg_info_file(salary.folder, "scikit-learn", "99.1")
    train = _stages(salary, PYTHONPATH=str(salary.folder))["train"]
    assert train["action"] == "update"
    assert [(change["field"], change["new"]) for change in train["changes"]] == [("libraries.scikit-learn", "99.1")]


def _stages(salary: Shell, **env: str) -> dict[str, dict[str, Any]]:
    return {stage["stage"]: stage for stage in salary("plan", SALARY, "--json", code=0, **env).json()["stages"]}


def old_setuptools(source: Path, prefix: Path) -> None:
    """A Debian package build."""
    _setup(source, "install", "--prefix", prefix, "--single-version-externally-managed", "--record", source / "record")


def old_develop(source: Path, prefix: Path) -> None:
    """`setup.py develop`, without the tools that it downloads."""
    _setup(source, "egg_info")
    _path(_site(prefix), source)


def zipped_egg(source: Path, prefix: Path) -> None:
    _setup(source, "bdist_egg")
    (file,) = (source / "dist").glob("*.egg")
    _path(_site(prefix), file)


def wheel(source: Path, prefix: Path) -> None:
    _pip(source, "--prefix", prefix)


def editable(source: Path, prefix: Path) -> None:
    _pip("--editable", source, "--prefix", prefix)


def _setup(source: Path, *argv: str | Path) -> None:
    (source / "setup.py").write_text("from setuptools import setup; setup()")
    _run(sys.executable, "-W", "ignore", "setup.py", "--quiet", *argv, cwd=source)


def _pip(*argv: str | Path) -> None:
    _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *argv)


def _run(*argv: str | Path, cwd: Path | None = None) -> None:
    subprocess.run(argv, cwd=cwd, check=True, capture_output=True, timeout=120)


def _site(prefix: Path) -> Path:
    folder = prefix / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("installer", [wheel, editable, old_setuptools, old_develop, zipped_egg])
def test_a_plugin_is_visible_after_any_kind_of_installation(
    installer: Callable[[Path, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell
) -> None:
    source = tmp_path / "thirdparty"
    shutil.copytree(ROOT / "tests" / "distributions" / "thirdparty", source)
    installer(source, tmp_path / "prefix")
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.path)
    site.addsitedir(str(_site(tmp_path / "prefix")))
    compare()
    shell.env["PYTHONPATH"] = ":".join(entry for entry in sys.path if entry not in known)
    listed = {row["name"]: (row["distribution"], row["version"]) for row in shell("target", "list", "--json").json()}
    assert listed["roll"] == ("lading-thirdparty", "2.1")
