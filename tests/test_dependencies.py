"""The versions that pyproject.toml allows are the ones that CI tests. A library's own warnings fail no test."""

from __future__ import annotations

import tomllib
import types
import warnings

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from tests.conftest import ROOT

LIBRARY = """\
import warnings

def old():
    warnings.warn("old", {category}, stacklevel=2)

def new():
    old()
"""


def requirements() -> list[Requirement]:
    """The direct dependencies, each with its bounds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = (project["dependencies"], *project["optional-dependencies"].values())
    return [Requirement(line) for lines in groups for line in lines]


def constraints(name: str) -> dict[str, Version]:
    lines = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pins = (line.split("==") for line in lines if "==" in line and not line.lstrip().startswith("#"))
    return {distribution: Version(version) for distribution, version in pins}


def left_out(name: str) -> set[str]:
    lines = (ROOT / "constraints" / f"{name}-overrides.txt").read_text(encoding="utf-8").splitlines()
    overrides = (Requirement(line) for line in lines if not line.startswith("#"))
    return {override.name for override in overrides if override.marker and not override.marker.evaluate()}


def test_the_lower_bounds_are_the_versions_that_are_tested() -> None:
    pins, ignored = constraints("lowest"), left_out("lowest")
    for requirement in requirements():
        if requirement.name not in ignored:
            (bound,) = requirement.specifier
            assert bound.operator == ">=", requirement
            assert pins[requirement.name.lower()] == Version(bound.version), f"{requirement}: run `make constraints`"


@pytest.mark.parametrize("name", ["newest", "tests"])
def test_the_newest_versions_are_allowed(name: str) -> None:
    pins = constraints(name)
    for requirement in requirements():
        assert requirement.specifier.contains(pins[requirement.name.lower()]), f"{requirement}: run `make constraints`"


def test_the_site_is_built_with_versions_that_its_group_allows() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    pins = constraints("site")
    for requirement in map(Requirement, groups["site"]):
        assert requirement.specifier.contains(pins[requirement.name]), f"{requirement}: run `make constraints`"


@pytest.mark.parametrize("category", ["DeprecationWarning", "FutureWarning", "UserWarning"])
def test_a_warning_is_an_error_if_our_own_call_causes_it(category: str) -> None:
    library = types.ModuleType("oldlib")
    exec(LIBRARY.format(category=category), library.__dict__)
    with warnings.catch_warnings(record=True) as caught:
        library.new()  # here the library uses its own deprecated function
    assert len(caught) == 1
    with pytest.raises(Warning, match="old"):
        library.old()
